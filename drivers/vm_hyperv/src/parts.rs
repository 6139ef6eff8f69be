//! What a VM consists of on its host, as the steps that make it so.

use crate::plan::{self, Plan};
use crate::steps::define::{Define, SecureBoot, Size};
use crate::steps::disk::{Disk, From};
use crate::steps::drive::{Drive, NoOtherDrives};
use crate::steps::image::Cached;
use crate::steps::nic::{NoOtherNics, Plugged};
use errors::Fault;
use hyperv::files::Folder;
use lifecycle::{Context, Steps};
use model::image::Image;
use model::server::RootDisk;
use model::vm::Vm;
use model::windows;

/// Files: the folder, and each disk that the wish names.
pub fn disks(cx: &Context, vm: &Vm, image: &Image, steps: &mut Steps) {
    let storage = cx.settings.storage.as_str();
    steps.then(Folder { path: windows::vm_folder(storage, vm.id) });
    for disk in &vm.spec.disks {
        // A disk out of a backup stands on nothing.
        let from = (disk.primary && vm.spec.backup.is_none()).then(|| From {
            base: windows::base(storage, image.id, &image.spec.sha256),
            stays: cx.settings.hyperv.root_disk == RootDisk::Differencing,
        });
        let path = windows::disk(storage, vm.id, &disk.name);
        steps.then(Disk { vm: vm.id, label: vm.label(), name: disk.name.clone(), path, gb: disk.gb, from });
    }
}

/// While it is off: all of it but its power. The image is on the host already.
pub fn while_off(cx: &Context, vm: &Vm, plan: &Plan, steps: &mut Steps) -> Result<(), Fault> {
    let image = plan::image(cx, vm)?;
    disks(cx, vm, image, steps);
    steps.then(Define { vm: vm.clone() });
    steps.then(Size { vm: vm.id, cpu: vm.spec.cpu, ram_mb: vm.spec.ram_mb });
    steps.then(SecureBoot { vm: vm.id, windows: image.spec.is_windows() });
    drives(vm, plan, steps);
    nics(vm, plan, steps);
    Ok(())
}

/// The disks in the VM, and none that the wish does not name.
pub fn drives(vm: &Vm, plan: &Plan, steps: &mut Steps) {
    steps.then(NoOtherDrives { vm: vm.id, names: vm.spec.disks.iter().map(|disk| disk.name.clone()).collect() });
    for disk in &vm.spec.disks {
        let path = windows::disk(&plan.storage, vm.id, &disk.name);
        steps.then(Drive { vm: vm.id, name: disk.name.clone(), path });
    }
}

/// The nics of the VM, and none that the wish does not name.
pub fn nics(vm: &Vm, plan: &Plan, steps: &mut Steps) {
    steps.then(NoOtherNics { vm: vm.id, macs: plan.nics.iter().map(|nic| nic.mac.clone()).collect() });
    for nic in &plan.nics {
        steps.then(Plugged { vm: vm.id, nic: nic.clone(), switch: plan.switch.clone() });
    }
}

/// The image on the host.
pub fn cached(cx: &Context, image: &Image) -> Cached {
    Cached { image: image.clone(), storage: cx.settings.storage.clone(), host: cx.host().into() }
}
