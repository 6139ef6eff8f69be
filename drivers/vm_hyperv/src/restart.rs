//! Starts a VM again, from quiesced or out of the scrub queue.

use crate::parts::nics;
use crate::plan::{Plan, look};
use errors::Fault;
use hyperv::power::On;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::vm::Vm;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, vm: &Vm) -> Result<Prerequisite<Plan>, Fault> {
    Ok(Prerequisite::Ready(look(cx, vm).await?))
}

pub async fn execute(cx: &Context, vm: &Vm, plan: Plan) -> Result<(), Fault> {
    let mut steps = Steps::new();
    // Out of the scrub queue they are unplugged.
    nics(vm, &plan, &mut steps);
    steps.then(On { vm: vm.id });
    cx.carry_out(steps).await
}
