//! Gives a device to a VM that runs, or takes it away; the VM's definition follows.

use crate::plan::{Plan, look, needs, steps};
use domains::Which;
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite};
use model::State;
use model::event::Event;
use model::gpu::Gpu;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, gpu: &Gpu) -> Result<Prerequisite<Plan>, Fault> {
    needs(cx, gpu, State::Running).then(look(cx, gpu, Which::Live)).await
}

pub async fn execute(cx: &Context, gpu: &Gpu, plan: Plan) -> Result<(), Fault> {
    cx.carry_out(steps(cx, gpu, plan)?).await
}
