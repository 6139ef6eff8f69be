//! Updates a running VM: live where Hyper-V can; else it is stopped, changed and started, as the plan says beforehand.

use crate::parts::{disks, drives, nics, while_off};
use crate::plan::image;
use crate::update::{Update, left_behind, prepare};
use errors::Fault;
use hyperv::power::{Off, On};
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::vm::Vm;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, vm: &Vm) -> Result<Prerequisite<Update>, Fault> {
    let ready = prepare(cx, vm).await?;
    if let Prerequisite::Ready(Update { change, .. }) = &ready
        && let Some(why) = &change.stop
    {
        cx.note(format!("the guest will be stopped and started: {why}"));
    }
    Ok(ready)
}

pub async fn execute(cx: &Context, vm: &Vm, update: Update) -> Result<(), Fault> {
    let mut steps = Steps::new();
    if update.change.stop.is_some() {
        steps.then(Off::cold(cx, vm.id));
        while_off(cx, vm, &update.plan, &mut steps)?;
    } else {
        disks(cx, vm, image(cx, vm)?, &mut steps);
        drives(vm, &update.plan, &mut steps);
        nics(vm, &update.plan, &mut steps);
    }
    // Also when an earlier attempt has stopped the guest and went no further.
    steps.then(On { vm: vm.id });
    left_behind(cx, vm, &update, &mut steps);
    cx.carry_out(steps).await
}
