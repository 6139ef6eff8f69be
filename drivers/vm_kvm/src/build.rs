//! Builds a VM: its image, disks, seed, domain and bridges, and starts it.

use crate::images;
use crate::parts::while_off;
use crate::plan::{Plan, image, look};
use crate::steps::{folder::Folder, image::Cached, restore::Restore};
use domains::power::On;
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::vm::Vm;
use model::{ResourceType, State, names};
use pools::import::Imported;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, vm: &Vm) -> Result<Prerequisite<Plan>, Fault> {
    image(cx, vm)?;
    if let Some(fault) = no_backup(cx, vm) {
        return Ok(Prerequisite::Refuse(fault));
    }
    let look = async {
        images::need_room(cx, vm).await?;
        look(cx).await
    };
    cx.needs_running(ResourceType::VirtualRouter, ()).then(look).await
}

pub async fn execute(cx: &Context, vm: &Vm, plan: Plan) -> Result<(), Fault> {
    let image = image(cx, vm)?.clone();
    let mut steps = Steps::new();
    steps.then(Cached { image: image.clone(), storage: plan.storage.clone(), host: cx.host().into() });
    if let Some(backup) = cx.backup.clone() {
        let disks = vm.spec.disks.iter().map(|disk| disk.name.clone()).collect();
        steps.then(Folder { path: names::vm_folder(&plan.storage, vm.id) });
        steps.then(Restore { vm: vm.id, disks, backup });
    }
    if let Some(pool) = &vm.spec.primary().pool {
        steps.then(Imported { from: plan.cached(&image), image, pool: pool.clone() });
    }
    while_off(cx, vm, &plan, &mut steps)?;
    steps.then(On { vm: vm.id });
    images::carry_out(cx, vm, steps).await
}

/// Why the VM cannot be made from the backup that it names.
fn no_backup(cx: &Context, vm: &Vm) -> Option<Fault> {
    let id = vm.spec.backup?;
    let state = cx.backup.as_ref().map_or(State::Closed, |backup| backup.state);
    let fault = || Fault::new(&errors::vm_kvm::NO_BACKUP).hole("backup", id).hole("resource", vm.label());
    (state != State::Running).then(|| fault().hole("state", state))
}
