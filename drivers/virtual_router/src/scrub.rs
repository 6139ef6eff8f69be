//! Removes a router: processes, links, namespace with its ruleset, files, and the bridges that nobody else is on.

use crate::steps::{
    boot::LeaveBoot,
    links::NoLinks,
    namespace::{NoNamespace, NoProcesses},
    wireguard::NoVpnSockets,
};
use errors::Fault;
use folders::{RemoveFile, RemoveFolder};
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::virtual_router::VirtualRouter;
use model::{ResourceType, names};
use segments::LeaveBridges;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, _router: &VirtualRouter) -> Result<Prerequisite<()>, Fault> {
    Ok(cx.needs_closed(ResourceType::Vm, ()))
}

pub async fn execute(cx: &Context, router: &VirtualRouter, (): ()) -> Result<(), Fault> {
    let namespace = names::router_namespace(router.id);
    let mut steps = Steps::new();
    steps.then(LeaveBoot { router: router.id });
    steps.then(RemoveFile { what: "unit".into(), path: names::router_unit_file(router.id) });
    steps.then(NoProcesses { namespace: namespace.clone() });
    steps.then(NoLinks { group: names::router_group(router.id) });
    steps.then(NoNamespace { namespace });
    steps.then(NoVpnSockets { router: router.id });
    steps.then(RemoveFolder { path: names::router_folder(&cx.settings.storage, router.id) });
    steps.then(LeaveBridges { host: cx.host().into() });
    cx.carry_out(steps).await
}
