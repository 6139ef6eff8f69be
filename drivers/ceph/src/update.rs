//! What both updates do. A volume that names a VM, or named one before, is worked beside that VM's hypervisor; any other
//! beside its cluster.

use crate::image;
use domains::image::{Forget, Image, Keep, Plug, Unplug};
use errors::Fault;
use lifecycle::{Context, Prerequisite, Steps};
use model::Kind;
use model::ceph::Ceph;
use pools::GB;
use pools::grow::Grow;
use pools::release::Released;
use pools::secret::{LeaveSecret, Secret};

/// Where the volume is to be.
pub enum Update {
    Nowhere,
    At {
        disk: Image,
        /// Whether the running guest has it already.
        is_open: bool,
    },
    GoneFrom(Image),
}

pub async fn look(cx: &Context, volume: &Ceph) -> Result<Prerequisite<Update>, Fault> {
    let found = pools::present(cx, &image(volume), volume.id).await?;
    let more = (volume.spec.gb * GB).saturating_sub(found.bytes);
    if more > 0 {
        pools::needs_room(cx, &volume.spec.pool, volume.label(), more).await?;
    }
    let Ok(vm) = cx.vm() else { return Ok(Prerequisite::Ready(Update::Nowhere)) };
    if vm.kind != Kind::VmKvm {
        let unfit = Fault::new(&errors::ceph::VM_UNFIT).hole("vm", vm.id).hole("kind", vm.kind);
        return Ok(Prerequisite::Refuse(unfit));
    }
    let disk = Image::of_volume(vm.id, volume.id, &volume.spec.pool);
    if volume.spec.vm.is_none() {
        // Whatever its VM is up to: a VM that is scrubbed waits for this.
        return Ok(Prerequisite::Ready(Update::GoneFrom(disk)));
    }
    let at = async {
        let is_open = disk.live_target(cx).await?.is_some();
        Ok(Update::At { disk, is_open })
    };
    cx.needs_vm_at_rest(()).then(at).await
}

pub fn steps(cx: &Context, volume: &Ceph, update: Update) -> Steps {
    let host = cx.host().to_owned();
    let grow = |disk| Grow { label: "grow".into(), image: image(volume), owner: volume.id, gb: volume.spec.gb, disk };
    let mut steps = Steps::new();
    match update {
        Update::Nowhere => {
            steps.then(grow(None));
        }
        Update::At { disk, is_open } => {
            if !is_open {
                steps.then(Released { image: image(volume) });
            }
            steps.then(Keep(disk.clone()));
            steps.then(Secret { host });
            steps.then(Plug(disk.clone()));
            steps.then(grow(Some(disk)));
        }
        Update::GoneFrom(disk) => {
            steps.then(Unplug(disk.clone()));
            steps.then(Forget(disk));
            steps.then(LeaveSecret { host });
            steps.then(grow(None));
        }
    }
    steps
}
