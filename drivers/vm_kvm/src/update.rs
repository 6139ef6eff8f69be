//! What both updates share: how a stopped VM is brought to its wish.

use crate::change::Change;
use crate::plan::Plan;
use crate::steps::{
    bridge::{Bridge, LeaveBridges},
    define::Define,
    disk::Disk,
    folder::Folder,
    remove::RemoveFile,
    seed::Seed,
};
use crate::{plan, seed};
use commands::files;
use errors::Fault;
use lifecycle::{Context, Steps};
use model::names;
use model::vm::Vm;

/// The difference that an update makes, and the host's ways.
pub struct Update {
    pub plan: Plan,
    pub change: Change,
    /// Files of disks that are not wished for.
    pub stray_disks: Vec<String>,
}

/// Disks made and grown, the domain defined anew, bridges made.
pub fn while_off(cx: &Context, vm: &Vm, update: &Update, steps: &mut Steps) -> Result<(), Fault> {
    let image = plan::image(cx, vm)?.clone();
    let storage = update.plan.storage.as_str();
    let base = names::cached_image(storage, image.id, &image.spec.sha256);
    steps.then(Folder { path: names::vm_folder(storage, vm.id) });
    for disk in &vm.spec.disks {
        let path = names::disk(storage, vm.id, &disk.name);
        steps.then(Disk { name: disk.name.clone(), path, gb: disk.gb, base: disk.primary.then(|| base.clone()) });
    }
    if image.spec.cloud_init {
        steps.then(Seed { path: names::seed(storage, vm.id), bytes: seed::image(vm)? });
    }
    steps.then(Define { vm: vm.clone(), image, plan: update.plan.clone() });
    bridges(cx, vm, steps);
    Ok(())
}

pub fn bridges(cx: &Context, vm: &Vm, steps: &mut Steps) {
    for nic in &vm.spec.nics {
        steps.then(Bridge { segment: nic.segment.clone(), host: cx.host().into() });
    }
}

/// The files of disks that are gone, and bridges that nobody is on any more.
pub fn left_behind(cx: &Context, update: &Update, steps: &mut Steps) {
    for path in &update.stray_disks {
        steps.then(RemoveFile { path: path.clone() });
    }
    steps.then(LeaveBridges { host: cx.host().into() });
}

/// Disks in the VM's folder that its wish does not name: also those that a lost attempt took from the domain already.
pub async fn stray_disks(cx: &Context, vm: &Vm) -> Result<Vec<String>, Fault> {
    let folder = names::vm_folder(&cx.settings.storage, vm.id);
    let wanted = |file: &str| vm.spec.disks.iter().any(|disk| file == format!("{}.qcow2", disk.name));
    let files = cx.run(files::list(&folder)).await?;
    let stray = files.into_iter().filter(|file| file.ends_with(".qcow2") && !wanted(file));
    Ok(stray.map(|file| format!("{folder}/{file}")).collect())
}
