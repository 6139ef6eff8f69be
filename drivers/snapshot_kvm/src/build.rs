//! Takes a snapshot of a VM: its disks, and its memory when it runs and libvirt can take both together.

use crate::kept::Kept;
use crate::plan::{definition, look};
use crate::steps::by_disk::TakeByDisk;
use crate::steps::take::Take;
use crate::xml::{self, Way};
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::snapshot::Snapshot;
use model::{ResourceType, State, names};

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, snapshot: &Snapshot) -> Result<Prerequisite<Way>, Fault> {
    let way = cx.needs_vm_at_rest(()).and(cx.needs_idle(ResourceType::Snapshot, snapshot.id)).then(async {
        look(cx).await?;
        let runs = cx.vm()?.state == State::Running;
        let unsupported = |reason: String| Fault::new(&errors::snapshot_kvm::UNSUPPORTED).hole("reason", reason);
        xml::way(&definition(cx).await?, runs).map_err(|reason| match cx.vm() {
            Ok(vm) => unsupported(reason).hole("vm", vm.label()),
            Err(fault) => fault,
        })
    });
    way.await
}

pub async fn execute(cx: &Context, snapshot: &Snapshot, way: Way) -> Result<(), Fault> {
    let vm = snapshot.spec.vm;
    let mut steps = Steps::new();
    match way {
        Way::Whole => steps.then(Take { vm, snapshot: snapshot.id }),
        Way::ByDisk => steps.then(TakeByDisk { vm, name: names::snapshot(snapshot.id) }),
    };
    cx.carry_out(steps).await?;
    if let Some(taken) = Kept::read(cx, snapshot).await? {
        cx.fact("memory", taken.has_memory());
        cx.fact("frozen", taken.was_frozen());
        // Resources of their own, which a revert leaves as they are.
        let volumes: Vec<i64> = taken.vm(cx)?.volumes.iter().map(|volume| volume.id.0).collect();
        if !volumes.is_empty() {
            cx.fact("volumes_left_out", volumes);
        }
    }
    Ok(())
}
