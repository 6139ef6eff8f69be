//! Takes a snapshot of a VM: its disks, and its memory when it runs.

use crate::plan::{idle, kept, look};
use crate::steps::take::Take;
use crate::xml;
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::State;
use model::event::Event;
use model::snapshot::Snapshot;

pub struct Plan {
    vm_runs: bool,
}

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, snapshot: &Snapshot) -> Result<Prerequisite<Plan>, Fault> {
    look(cx).await?;
    let plan = Plan { vm_runs: cx.vm()?.state == State::Running };
    let Prerequisite::Ready(plan) = idle(cx, snapshot, cx.needs_vm_at_rest(plan)) else {
        return Ok(idle(cx, snapshot, cx.needs_vm_at_rest(Plan { vm_runs: false })));
    };
    Ok(match xml::obstacle(&crate::plan::definition(cx).await?, plan.vm_runs) {
        Some(reason) => {
            let vm = cx.vm()?.label();
            Prerequisite::Refuse(Fault::new(&errors::snapshot_kvm::UNSUPPORTED).hole("vm", vm).hole("reason", reason))
        }
        None => Prerequisite::Ready(plan),
    })
}

pub async fn execute(cx: &Context, snapshot: &Snapshot, plan: Plan) -> Result<(), Fault> {
    let mut steps = Steps::new();
    steps.then(Take { vm: snapshot.spec.vm, snapshot: snapshot.id, vm_runs: plan.vm_runs });
    cx.carry_out(steps).await?;
    if let Some(taken) = kept(cx, snapshot).await? {
        cx.fact("memory", taken.with_memory);
        cx.fact("frozen", xml::was_frozen(&taken.description));
    }
    Ok(())
}
