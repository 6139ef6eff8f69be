//! Scrubs a virtual router that has no hardware.

use errors::Fault;
use lifecycle::phantom::{Rows, carry_out};
use lifecycle::{Context, Outbox, Prerequisite};
use model::ResourceType;
use model::event::Event;
use model::virtual_router::VirtualRouter;

const ROWS: Rows = &[("remove everything", "", None)];

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, _router: &VirtualRouter) -> Result<Prerequisite<()>, Fault> {
    Ok(cx.needs_closed(ResourceType::Vm, ()))
}

pub async fn execute(cx: &Context, router: &VirtualRouter, (): ()) -> Result<(), Fault> {
    carry_out(cx, router, router.spec.phantom.as_ref(), ROWS).await
}
