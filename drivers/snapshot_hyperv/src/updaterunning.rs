//! Reverts a VM to a snapshot; afterwards it runs, or is off, as its record says.

use crate::difference::{difference, then};
use crate::plan::{absent, kept};
use crate::steps::rest::{ForgetMemory, Stop};
use crate::steps::revert::{Mark, Revert};
use errors::Fault;
use hyperv::merge::Merged;
use hyperv::power::On;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::snapshot::Snapshot;
use model::{ResourceType, State};

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

/// Gives the checkpoint's identifier.
pub async fn prerequisites(cx: &Context, snapshot: &Snapshot) -> Result<Prerequisite<String>, Fault> {
    let ready = cx.needs_vm_at_rest(()).and(cx.needs_idle(ResourceType::Snapshot, snapshot.id));
    let kept = ready.then(async {
        let vm = snapshot.spec.vm;
        let now = hyperv::actual(cx, vm).await?;
        let kept = kept(cx, snapshot, &now.vm.id).await?.ok_or_else(|| absent(cx, snapshot))?;
        match difference(&then(cx, vm, &now.vm.id, &kept.id).await?, &now) {
            Some(difference) => Err(Fault::new(&errors::snapshot_hyperv::VM_DIFFERS)
                .hole("vm", cx.vm()?.label())
                .hole("snapshot", snapshot.label())
                .hole("difference", difference)),
            None => Ok(kept.id),
        }
    });
    kept.await
}

pub async fn execute(cx: &Context, snapshot: &Snapshot, checkpoint: String) -> Result<(), Fault> {
    let vm = cx.vm()?;
    let mark = Mark::of(snapshot);
    let mut steps = Steps::new();
    steps.then(Merged::of(vm.id));
    steps.then(Stop::of(cx, &mark));
    steps.then(Revert { mark, checkpoint });
    match vm.state {
        State::Running => steps.then(On { vm: vm.id }),
        _ => steps.then(ForgetMemory { vm: vm.id }),
    };
    cx.carry_out(steps).await
}
