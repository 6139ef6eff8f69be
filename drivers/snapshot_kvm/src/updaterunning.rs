//! Reverts a VM to a snapshot; afterwards it runs, or is off, as its record says.

use crate::difference::difference;
use crate::plan::{absent, kept, look};
use crate::steps::rest::{Grow, Resume, Stop, Thaw};
use crate::steps::revert::Revert;
use crate::xml;
use commands::virsh;
use domains::{Which, device, present};
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::snapshot::Snapshot;
use model::{ResourceType, State, names};

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(
    cx: &Context,
    snapshot: &Snapshot,
) -> Result<Prerequisite<virsh::snapshot::Snapshot>, Fault> {
    let kept = cx.needs_vm_at_rest(()).and(cx.needs_idle(ResourceType::Snapshot, snapshot.id)).then(async {
        look(cx).await?;
        let kept = kept(cx, snapshot).await?.ok_or_else(|| absent(cx, snapshot))?;
        let now = present(cx, snapshot.spec.vm, Which::Live).await?;
        match difference(&xml::domain(cx, &kept)?, &now) {
            Some(difference) => Err(Fault::new(&errors::snapshot_kvm::VM_DIFFERS)
                .hole("vm", cx.vm()?.label())
                .hole("snapshot", snapshot.label())
                .hole("difference", difference)),
            None => Ok(kept),
        }
    });
    kept.await
}

pub async fn execute(cx: &Context, snapshot: &Snapshot, kept: virsh::snapshot::Snapshot) -> Result<(), Fault> {
    let vm = cx.vm()?;
    let runs = vm.state == State::Running;
    let mut steps = Steps::new();
    steps.then(Revert::of(snapshot, runs || kept.with_memory));
    if runs {
        steps.then(Resume { vm: vm.id });
    } else {
        steps.then(Stop { vm: vm.id });
    }
    if runs && kept.with_memory && xml::was_frozen(&kept.description) {
        steps.then(Thaw { vm: vm.id });
    }
    for disk in &vm.spec.disks {
        let (name, path) = (disk.name.clone(), names::disk(&cx.settings.storage, vm.id, &disk.name));
        if runs {
            steps.then(device::Grow { vm: vm.id, name, path, gb: disk.gb });
        } else {
            steps.then(Grow { name, path, gb: disk.gb });
        }
    }
    cx.carry_out(steps).await
}
