//! Puts a router aside: unplugged, and not brought back when its node starts; everything is kept, so that it can be restored.

use crate::steps::{boot::LeaveBoot, links::Unplugged};
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::names;
use model::virtual_router::VirtualRouter;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(_cx: &Context, _router: &VirtualRouter) -> Result<Prerequisite<()>, Fault> {
    Ok(Prerequisite::Ready(()))
}

pub async fn execute(cx: &Context, router: &VirtualRouter, (): ()) -> Result<(), Fault> {
    let mut steps = Steps::new();
    steps.then(LeaveBoot { router: router.id });
    steps.then(Unplugged { group: names::router_group(router.id) });
    cx.carry_out(steps).await
}
