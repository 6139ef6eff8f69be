//! What both updates do. A volume that names a VM, or named one before, is worked beside that VM's hypervisor; any other
//! beside its cluster.

use crate::device::{Forget, Keep, Plug, Unplug, holder};
use crate::grow::Grow;
use crate::image;
use errors::Fault;
use lifecycle::{Context, Prerequisite, Steps};
use model::ceph::Ceph;
use model::{Kind, ResourceId, names};
use pools::GB;
use pools::release::Released;
use pools::secret::{LeaveSecret, Secret};

/// Where the volume is to be.
pub enum Update {
    Nowhere,
    /// Whether it is there already, as far as the running guest goes.
    At {
        vm: ResourceId,
        is_open: bool,
    },
    GoneFrom {
        vm: ResourceId,
    },
}

pub async fn look(cx: &Context, volume: &Ceph) -> Result<Prerequisite<Update>, Fault> {
    let image = image(volume);
    let found = pools::present(cx, &image, volume.id).await?;
    let more = (volume.spec.gb * GB).saturating_sub(found.bytes);
    if more > 0 {
        pools::needs_room(cx, &volume.spec.pool, &names::volume(volume.id), more).await?;
    }
    let Ok(vm) = cx.vm() else { return Ok(Prerequisite::Ready(Update::Nowhere)) };
    if vm.kind != Kind::VmKvm {
        let unfit = Fault::new(&errors::ceph::VM_UNFIT).hole("vm", vm.id).hole("kind", vm.kind);
        return Ok(Prerequisite::Refuse(unfit));
    }
    if volume.spec.vm.is_none() {
        // Whatever its VM is up to: a VM that is scrubbed waits for this.
        return Ok(Prerequisite::Ready(Update::GoneFrom { vm: vm.id }));
    }
    let is_open = async { Ok(Update::At { vm: vm.id, is_open: holder(cx, vm.id, volume.id).await?.is_some() }) };
    cx.needs_vm_at_rest(()).then(is_open).await
}

pub fn steps(cx: &Context, volume: &Ceph, update: Update) -> Steps {
    let (id, image, host) = (volume.id, image(volume), cx.host().to_owned());
    let grow = |vm| Grow { vm, volume: id, image: image.clone(), gb: volume.spec.gb };
    let mut steps = Steps::new();
    match update {
        Update::Nowhere => {
            steps.then(grow(None));
        }
        Update::At { vm, is_open } => {
            if !is_open {
                steps.then(Released { image: image.clone() });
            }
            steps.then(Keep { vm, volume: id, image: image.clone() });
            steps.then(Secret { host });
            steps.then(Plug { vm, volume: id, image: image.clone() });
            steps.then(grow(Some(vm)));
        }
        Update::GoneFrom { vm } => {
            steps.then(Unplug { vm, volume: id });
            steps.then(Forget { vm, volume: id });
            steps.then(LeaveSecret { host });
            steps.then(grow(None));
        }
    }
    steps
}
