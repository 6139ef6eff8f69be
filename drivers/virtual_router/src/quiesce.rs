//! Stops a router's traffic: its links are unplugged, also when the node starts; everything is kept.

use crate::layout::Power;
use crate::parts::Parts;
use crate::plan::{Plan, look};
use crate::steps::{files::Files, links::Unplugged};
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::names;
use model::virtual_router::VirtualRouter;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, router: &VirtualRouter) -> Result<Prerequisite<Plan>, Fault> {
    look(cx, router).await
}

pub async fn execute(cx: &Context, router: &VirtualRouter, plan: Plan) -> Result<(), Fault> {
    let parts = Parts::of(cx, router, &plan, Power::Off);
    let mut steps = Steps::new();
    steps.then(Unplugged { group: names::router_group(router.id) });
    steps.then(Files { folder: parts.folder, files: parts.files });
    cx.carry_out(steps).await
}
