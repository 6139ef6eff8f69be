//! What a VM consists of on its host, as the steps that make it so.

use crate::plan::{self, Plan};
use crate::steps::{define::Define, disk::Disk, folder::Folder, seed::Seed};
use crate::{images, seed};
use errors::Fault;
use lifecycle::{Context, Steps};
use model::names;
use model::vm::Vm;
use pools::secret::Secret;

/// While it is off: disks made and grown, the domain defined anew, bridges made. The image is on the host already.
pub fn while_off(cx: &Context, vm: &Vm, plan: &Plan, steps: &mut Steps) -> Result<(), Fault> {
    let image = plan::image(cx, vm)?.clone();
    let storage = plan.storage.as_str();
    let base = names::cached_image(storage, image.id, &image.spec.sha256);
    steps.then(Folder { path: names::vm_folder(storage, vm.id) });
    for disk in &vm.spec.disks {
        if let Some(step) = images::made(vm, &image, disk) {
            steps.then(step);
            continue;
        }
        let path = names::disk(storage, vm.id, &disk.name);
        // A disk out of a backup stands on nothing.
        let base = (disk.primary && vm.spec.backup.is_none()).then(|| base.clone());
        steps.then(Disk { name: disk.name.clone(), path, gb: disk.gb, base });
    }
    if image.spec.cloud_init {
        steps.then(Seed { path: names::seed(storage, vm.id), bytes: seed::image(vm)? });
    }
    steps.then(Define { vm: vm.clone(), image, plan: plan.clone() });
    if vm.spec.disks.iter().any(|disk| disk.pool.is_some()) {
        steps.then(Secret { host: cx.host().into() });
    }
    bridges(cx, vm, steps);
    Ok(())
}

pub fn bridges(cx: &Context, vm: &Vm, steps: &mut Steps) {
    for nic in &vm.spec.nics {
        steps.then(segments::Bridge { segment: nic.segment(), name: nic.bridge(), host: cx.host().into() });
    }
}
