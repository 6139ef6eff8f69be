//! Starts a VM again, from quiesced or out of the scrub queue.

use crate::parts::bridges;
use crate::plan::{Plan, look};
use domains::power::On;
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
    bridges(cx, vm, &mut steps);
    steps.then(On { vm: vm.id });
    cx.carry_out(steps).await
}
