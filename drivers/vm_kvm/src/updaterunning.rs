//! Updates a running VM: live where libvirt can; else it is stopped, changed and started, as the plan says beforehand.

use crate::change::{actual_wish, change};
use crate::images;
use crate::parts::{bridges, while_off};
use crate::plan::look;
use crate::steps::disk::Disk;
use crate::update::{Update, left_behind, stray_disks};
use domains::device::{Attach, Cpus, Detach, Device, Grow};
use domains::{Which, power, present};
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::names;
use model::vm::Vm;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, vm: &Vm) -> Result<Prerequisite<Update>, Fault> {
    let plan = look(cx).await?;
    images::need_room(cx, vm).await?;
    let live = present(cx, vm.id, Which::Live).await?;
    if let Some(patch) = actual_wish(&vm.spec, &live) {
        cx.actual(patch);
    }
    let change = change(&vm.spec, &live);
    if let Some(why) = &change.stop {
        cx.note(format!("the guest will be stopped and started: {why}"));
    }
    Ok(Prerequisite::Ready(Update { plan, change, stray_disks: stray_disks(cx, vm).await? }))
}

pub async fn execute(cx: &Context, vm: &Vm, update: Update) -> Result<(), Fault> {
    let mut steps = Steps::new();
    if update.change.stop.is_some() {
        steps.then(power::Off::of(cx, vm.id));
        while_off(cx, vm, &update.plan, &mut steps)?;
    } else {
        live(cx, vm, &update, &mut steps);
    }
    // Also when an earlier attempt has stopped the guest and went no further.
    steps.then(power::On { vm: vm.id });
    left_behind(cx, vm, &update, &mut steps);
    images::carry_out(cx, vm, steps).await
}

fn live(cx: &Context, vm: &Vm, update: &Update, steps: &mut Steps) {
    let path = |name: &str| names::disk(&update.plan.storage, vm.id, name);
    let is_new = |name: &str| update.change.new_disks.iter().any(|disk| disk.name == name);
    for (mac, bridge) in &update.change.gone_nics {
        let device = Device::Nic { mac: mac.clone(), bridge: bridge.clone() };
        steps.then(Detach { vm: vm.id, device });
    }
    images::detached(vm, &update.change.gone_disks, steps);
    for gone in update.change.gone_disks.iter().filter(|gone| !gone.is_image) {
        let device = Device::Disk { name: gone.name.clone(), path: gone.path.clone() };
        steps.then(Detach { vm: vm.id, device });
    }
    for disk in vm.spec.disks.iter().filter(|disk| !is_new(&disk.name)) {
        if let Some(grow) = images::grown(vm, disk) {
            steps.then(grow);
            continue;
        }
        steps.then(Grow { vm: vm.id, name: disk.name.clone(), path: path(&disk.name), gb: disk.gb });
    }
    for disk in &update.change.new_disks {
        if images::attached(cx, vm, disk, steps) {
            continue;
        }
        steps.then(Disk { name: disk.name.clone(), path: path(&disk.name), gb: disk.gb, base: None });
        steps.then(Attach { vm: vm.id, device: Device::Disk { name: disk.name.clone(), path: path(&disk.name) } });
    }
    bridges(cx, vm, steps);
    for nic in &update.change.new_nics {
        let device = Device::Nic { mac: nic.mac.clone().unwrap_or_default(), bridge: nic.bridge() };
        steps.then(Attach { vm: vm.id, device });
    }
    if let Some(count) = update.change.more_cpus {
        steps.then(Cpus { vm: vm.id, count });
    }
}
