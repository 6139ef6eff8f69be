//! Puts a device into the definition of a VM that is off, or takes it out: the VM has it, or not, when it starts. A VM that failed
//! gives it back as well.

use crate::plan::{Plan, look, needs, off, steps};
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite};
use model::State;
use model::event::Event;
use model::gpu::Gpu;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, gpu: &Gpu) -> Result<Prerequisite<Plan>, Fault> {
    needs(cx, gpu, State::Quiesced).then(async { look(cx, gpu, off(cx).await?).await }).await
}

pub async fn execute(cx: &Context, gpu: &Gpu, plan: Plan) -> Result<(), Fault> {
    cx.carry_out(steps(cx, gpu, plan)?).await
}
