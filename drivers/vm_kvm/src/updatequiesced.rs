//! Updates a quiesced VM: its disks, its nics, its processors and memory.

use crate::change::{actual_wish, change};
use crate::images;
use crate::parts::while_off;
use crate::plan::look;
use crate::update::{Update, left_behind, stray_disks};
use domains::{Which, present};
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::vm::Vm;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, vm: &Vm) -> Result<Prerequisite<Update>, Fault> {
    let plan = look(cx).await?;
    images::need_room(cx, vm).await?;
    let kept = present(cx, vm.id, Which::Kept).await?;
    if let Some(patch) = actual_wish(&vm.spec, &kept) {
        cx.actual(patch);
    }
    Ok(Prerequisite::Ready(Update { plan, change: change(&vm.spec, &kept), stray_disks: stray_disks(cx, vm).await? }))
}

pub async fn execute(cx: &Context, vm: &Vm, update: Update) -> Result<(), Fault> {
    let mut steps = Steps::new();
    while_off(cx, vm, &update.plan, &mut steps)?;
    left_behind(cx, vm, &update, &mut steps);
    images::carry_out(cx, vm, steps).await
}
