//! Builds a VM: its image, disks, configuration, drives, nics and first settings; starts it, and takes the settings away again.

use crate::parts::{cached, while_off};
use crate::plan::{Plan, image, look};
use crate::steps::first::{Disc, Inserted, TakenAway};
use errors::Fault;
use hyperv::power::On;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::ResourceType;
use model::event::Event;
use model::image::Image;
use model::vm::Vm;
use model::windows;
use seeds::{disc, nocloud, unattend};

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, vm: &Vm) -> Result<Prerequisite<Plan>, Fault> {
    image(cx, vm)?;
    cx.needs_running(ResourceType::VirtualRouter, ()).then(look(cx, vm)).await
}

pub async fn execute(cx: &Context, vm: &Vm, plan: Plan) -> Result<(), Fault> {
    let image = image(cx, vm)?;
    let mut steps = Steps::new();
    steps.then(cached(cx, image));
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

/// The disc of what the guest reads at its first start; none for one that reads nothing.
fn settings(vm: &Vm, image: &Image) -> Option<Vec<u8>> {
    if image.spec.cloud_init {
        return Some(disc::image(nocloud::LABEL, &nocloud::files(vm)));
    }
    // A Windows out of a backup has had its first start.
    let is_first = image.spec.is_windows() && vm.spec.backup.is_none();
    is_first.then(|| disc::image(unattend::LABEL, &[(unattend::FILE, unattend::xml(vm))]))
}
