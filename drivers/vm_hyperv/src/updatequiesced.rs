//! Updates a quiesced VM: its disks, its nics, its processors and memory.

use crate::parts::while_off;
use crate::update::{Update, left_behind, prepare};
use errors::Fault;
use hyperv::power::Off;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::vm::Vm;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, vm: &Vm) -> Result<Prerequisite<Update>, Fault> {
    prepare(cx, vm).await
}

pub async fn execute(cx: &Context, vm: &Vm, update: Update) -> Result<(), Fault> {
    let mut steps = Steps::new();
    // One that somebody saved has its memory on disk, and cannot be changed.
    steps.then(Off::cold(cx, vm.id));
    while_off(cx, vm, &update.plan, &mut steps)?;
    left_behind(cx, vm, &update, &mut steps);
    cx.carry_out(steps).await
}
