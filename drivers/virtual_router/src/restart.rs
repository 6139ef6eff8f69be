//! Plugs a router in again, from quiesced or out of the scrub queue; what is missing is made.

use crate::layout::Power;
use crate::parts::standing;
use crate::plan::{Plan, look};
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::virtual_router::VirtualRouter;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, router: &VirtualRouter) -> Result<Prerequisite<Plan>, Fault> {
    look(cx, router).await
}

pub async fn execute(cx: &Context, router: &VirtualRouter, plan: Plan) -> Result<(), Fault> {
    let mut steps = Steps::new();
    standing(cx, router, &plan, Power::On, &mut steps);
    cx.carry_out(steps).await
}
