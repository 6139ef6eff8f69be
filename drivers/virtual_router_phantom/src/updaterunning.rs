//! Updates a running virtual router that has no hardware.

use errors::Fault;
use lifecycle::phantom::{Rows, carry_out};
use lifecycle::{Context, Outbox, Prerequisite};
use model::event::Event;
use model::virtual_router::VirtualRouter;

const ROWS: Rows = &[("connect segments", "segments", Some("updated")), ("load ruleset", "ruleset", Some("loaded"))];

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(_cx: &Context, _router: &VirtualRouter) -> Result<Prerequisite<()>, Fault> {
    Ok(Prerequisite::Ready(()))
}

pub async fn execute(cx: &Context, router: &VirtualRouter, (): ()) -> Result<(), Fault> {
    carry_out(cx, router, router.spec.phantom.as_ref(), ROWS).await
}
