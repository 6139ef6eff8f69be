//! Builds a VM: its image, disks, configuration, drives, nics and first settings; starts it, and takes the settings away again.

use crate::parts::{cached, while_off};
use crate::plan::{Plan, image, look};
use crate::steps::first::{Disc, Inserted, TakenAway};
use crate::steps::restore::Restore;
use errors::Fault;
use hyperv::files::Folder;
use hyperv::power::On;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::image::Image;
use model::vm::Vm;
use model::{ResourceType, State, windows};
use seeds::{disc, nocloud, unattend};

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, vm: &Vm) -> Result<Prerequisite<Plan>, Fault> {
    image(cx, vm)?;
    if let Some(fault) = no_backup(cx, vm) {
        return Ok(Prerequisite::Refuse(fault));
    }
    cx.needs_running(ResourceType::VirtualRouter, ()).then(look(cx, vm)).await
}

pub async fn execute(cx: &Context, vm: &Vm, plan: Plan) -> Result<(), Fault> {
    let image = image(cx, vm)?;
    let mut steps = Steps::new();
    match cx.backup.clone() {
        // Its primary disk comes out of the backup, too.
        Some(backup) => {
            let disks = vm.spec.disks.iter().map(|disk| disk.name.clone()).collect();
            steps.then(Folder { path: windows::vm_folder(&plan.storage, vm.id) });
            steps.then(Restore { vm: vm.id, disks, backup });
        }
        None => {
            steps.then(cached(cx, image));
        }
    }
    while_off(cx, vm, &plan, &mut steps)?;
    let path = windows::settings_disc(&plan.storage, vm.id);
    let settings = settings(vm, image);
    if let Some(bytes) = settings.clone() {
        steps.then(Disc { vm: vm.id, path: path.clone(), bytes });
        steps.then(Inserted { vm: vm.id, path: path.clone() });
    }
    steps.then(On { vm: vm.id });
    if settings.is_some() {
        steps.then(TakenAway { vm: vm.clone(), path });
    }
    cx.carry_out(steps).await
}

/// Why the VM cannot be made from the backup that it names.
fn no_backup(cx: &Context, vm: &Vm) -> Option<Fault> {
    let id = vm.spec.backup?;
    let state = cx.backup.as_ref().map_or(State::Closed, |backup| backup.state);
    let fault = || Fault::new(&errors::vm_hyperv::NO_BACKUP).hole("backup", id).hole("resource", vm.label());
    (state != State::Running).then(|| fault().hole("state", state))
}

/// The disc of what the guest reads at its first start; none for one that reads nothing.
fn settings(vm: &Vm, image: &Image) -> Option<Vec<u8>> {
    if image.spec.cloud_init {
        return Some(disc::image(nocloud::LABEL, &nocloud::files(vm)));
    }
    // A Windows out of a backup has had its first start.
    let is_first = image.spec.is_windows() && vm.spec.backup.is_none();
    is_first.then(|| disc::image(unattend::LABEL, &[(unattend::FILE, unattend::xml(vm))]))
}
