//! Takes a snapshot of a VM: a production checkpoint, for which the guest puts its data in order.

use crate::plan::{ID, kept};
use crate::steps::kind::{Production, PutBack};
use crate::steps::take::Take;
use commands::hyperv::checkpoint;
use errors::Fault;
use hyperv::merge::Merged;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::ResourceType;
use model::event::Event;
use model::snapshot::Snapshot;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, snapshot: &Snapshot) -> Result<Prerequisite<()>, Fault> {
    let ready = cx.needs_vm_at_rest(()).and(cx.needs_idle(ResourceType::Snapshot, snapshot.id));
    ready.then(async { hyperv::present(cx, snapshot.spec.vm).await.map(|_| ()) }).await
}

pub async fn execute(cx: &Context, snapshot: &Snapshot, _ready: ()) -> Result<(), Fault> {
    let vm = snapshot.spec.vm;
    let mut steps = Steps::new();
    steps.then(Merged::of(vm));
    steps.then(Production { snapshot: snapshot.clone() });
    steps.then(Take { snapshot: snapshot.clone() });
    steps.then(PutBack { vm });
    if let Err(fault) = cx.carry_out(steps).await {
        let mut back = Steps::new();
        back.then(PutBack { vm });
        return Err(cx.undo(fault, back).await);
    }
    let actual = hyperv::present(cx, vm).await?;
    if let Some(taken) = kept(cx, snapshot, &actual.id).await? {
        let hardware = cx.run(checkpoint::hardware(&actual.id, &taken.id)).await?.unwrap_or_default();
        cx.fact("memory", hardware.with_memory);
        cx.fact(ID, taken.id);
    }
    Ok(())
}
