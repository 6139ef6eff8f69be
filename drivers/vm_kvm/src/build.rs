//! Builds a VM: its image, disks, seed, domain and bridges, and starts it.

use crate::plan::{Plan, image, look};
use crate::seed;
use crate::steps::{bridge::Bridge, define::Define, disk::Disk, folder::Folder, image::Cached, power::On, seed::Seed};
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::vm::Vm;
use model::{ResourceType, names};

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, vm: &Vm) -> Result<Prerequisite<Plan>, Fault> {
    image(cx, vm)?;
    match cx.needs_running(ResourceType::VirtualRouter, ()) {
        Prerequisite::Ready(()) => Ok(Prerequisite::Ready(look(cx).await?)),
        Prerequisite::Wait { reason, resource } => Ok(Prerequisite::Wait { reason, resource }),
        Prerequisite::Refuse(fault) => Ok(Prerequisite::Refuse(fault)),
    }
}

pub async fn execute(cx: &Context, vm: &Vm, plan: Plan) -> Result<(), Fault> {
    let image = image(cx, vm)?.clone();
    let (storage, host) = (plan.storage.as_str(), cx.host());
    let cached = Cached { image: image.clone(), storage: storage.into(), host: host.into() };
    let base = cached.path();
    let mut steps = Steps::new();
    steps.then(cached);
    steps.then(Folder { path: names::vm_folder(storage, vm.id) });
    for disk in &vm.spec.disks {
        let path = names::disk(storage, vm.id, &disk.name);
        steps.then(Disk { name: disk.name.clone(), path, gb: disk.gb, base: disk.primary.then(|| base.clone()) });
    }
    if image.spec.cloud_init {
        steps.then(Seed { path: names::seed(storage, vm.id), bytes: seed::image(vm)? });
    }
    steps.then(Define { vm: vm.clone(), image, plan: plan.clone() });
    for nic in &vm.spec.nics {
        steps.then(Bridge { segment: nic.segment.clone(), host: host.into() });
    }
    steps.then(On { vm: vm.id });
    cx.carry_out(steps).await
}
