//! Reverts a VM to a snapshot; afterwards it runs, or is off, as its record says.

use crate::difference::difference;
use crate::kept::Kept;
use crate::plan::{absent, look};
use crate::steps::rest::{Grow, Resume, Stop, Thaw};
use crate::steps::revert::{Revert, Way};
use commands::virsh::snapshot::After;
use domains::checkpoint::NoCheckpoints;
use domains::{Which, device, present};
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::snapshot::Snapshot;
use model::vm::{Disk, Vm};
use model::{ResourceType, State, names};

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, snapshot: &Snapshot) -> Result<Prerequisite<Kept>, Fault> {
    let kept = cx.needs_vm_at_rest(()).and(cx.needs_idle(ResourceType::Snapshot, snapshot.id)).then(async {
        look(cx).await?;
        let kept = Kept::read(cx, snapshot).await?.ok_or_else(|| absent(cx, snapshot))?;
        let now = present(cx, snapshot.spec.vm, Which::Live).await?;
        let whole = matches!(kept, Kept::Whole(_));
        match difference(&kept.vm(cx)?, &now, whole) {
            Some(difference) => Err(Fault::new(&errors::snapshot_kvm::VM_DIFFERS)
                .hole("vm", cx.vm()?.label())
                .hole("snapshot", snapshot.label())
                .hole("difference", difference)),
            None => Ok(kept),
        }
    });
    kept.await
}

pub async fn execute(cx: &Context, snapshot: &Snapshot, kept: Kept) -> Result<(), Fault> {
    let vm = cx.vm()?;
    let runs = vm.state == State::Running;
    let mut steps = Steps::new();
    steps.then(NoCheckpoints { vm: vm.id });
    match kept {
        Kept::Whole(_) => whole(cx, snapshot, &kept, &mut steps)?,
        Kept::ByDisk(note) => {
            steps.then(Revert::of(snapshot, Way::ByDisk(note.vm.disks)));
            // While it is off: it is as small as it was then.
            vm.spec.disks.iter().for_each(|disk| grow(cx, vm, disk, &mut steps));
            if runs {
                steps.then(Resume { vm: vm.id });
            }
        }
    }
    cx.carry_out(steps).await
}

fn whole(cx: &Context, snapshot: &Snapshot, kept: &Kept, steps: &mut Steps) -> Result<(), Fault> {
    let vm = cx.vm()?;
    let runs = vm.state == State::Running;
    let after = if runs || kept.has_memory() { After::Paused } else { After::Off };
    steps.then(Revert::of(snapshot, Way::Whole(after)));
    if runs {
        steps.then(Resume { vm: vm.id });
    } else {
        steps.then(Stop { vm: vm.id });
    }
    if runs && kept.has_memory() && kept.was_frozen() {
        steps.then(Thaw { vm: vm.id });
    }
    for disk in &vm.spec.disks {
        if runs {
            let (name, path) = (disk.name.clone(), names::disk(&cx.settings.storage, vm.id, &disk.name));
            steps.then(device::Grow { vm: vm.id, name, path, gb: disk.gb });
        } else {
            grow(cx, vm, disk, steps);
        }
    }
    Ok(())
}

/// To the size that the VM wishes.
fn grow(cx: &Context, vm: &Vm, disk: &Disk, steps: &mut Steps) {
    let name = disk.name.clone();
    match disk.image(vm.id) {
        Some(image) => {
            let label = format!("grow disk {name}");
            steps.then(pools::grow::Grow { label, image, owner: vm.id, gb: disk.gb, disk: None })
        }
        None => steps.then(Grow { name, path: names::disk(&cx.settings.storage, vm.id, &disk.name), gb: disk.gb }),
    };
}
