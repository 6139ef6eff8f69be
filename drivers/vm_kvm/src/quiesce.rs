//! Shuts a VM down, by its power button and at last by the plug; everything is kept.

use crate::plan::{Plan, look};
use domains::power::Off;
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::vm::Vm;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, _vm: &Vm) -> Result<Prerequisite<Plan>, Fault> {
    Ok(Prerequisite::Ready(look(cx).await?))
}

pub async fn execute(cx: &Context, vm: &Vm, _plan: Plan) -> Result<(), Fault> {
    let mut steps = Steps::new();
    steps.then(Off::of(cx, vm.id));
    cx.carry_out(steps).await
}
