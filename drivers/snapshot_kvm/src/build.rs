//! Takes a snapshot of a VM: its disks, and its memory when it runs.

use crate::plan::{definition, kept, look};
use crate::steps::take::Take;
use crate::xml;
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::snapshot::Snapshot;
use model::{ResourceType, State};

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, snapshot: &Snapshot) -> Result<Prerequisite<()>, Fault> {
    let ready = cx.needs_vm_at_rest(()).and(cx.needs_idle(ResourceType::Snapshot, snapshot.id));
    if !matches!(ready, Prerequisite::Ready(())) {
        return Ok(ready);
    }
    look(cx).await?;
    let Some(reason) = xml::obstacle(&definition(cx).await?, cx.vm()?.state == State::Running) else {
        return Ok(ready);
    };
    let refused = Fault::new(&errors::snapshot_kvm::UNSUPPORTED).hole("vm", cx.vm()?.label()).hole("reason", reason);
    Ok(Prerequisite::Refuse(refused))
}

pub async fn execute(cx: &Context, snapshot: &Snapshot, _ready: ()) -> Result<(), Fault> {
    let mut steps = Steps::new();
    steps.then(Take { vm: snapshot.spec.vm, snapshot: snapshot.id });
    cx.carry_out(steps).await?;
    if let Some(taken) = kept(cx, snapshot).await? {
        cx.fact("memory", taken.with_memory);
        cx.fact("frozen", xml::was_frozen(&taken.description));
    }
    Ok(())
}
