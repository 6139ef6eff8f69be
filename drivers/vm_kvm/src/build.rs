//! Builds a VM: its image, disks, seed, domain and bridges, and starts it.

use crate::parts::while_off;
use crate::plan::{Plan, image, look};
use crate::steps::image::Cached;
use domains::power::On;
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::ResourceType;
use model::event::Event;
use model::vm::Vm;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, vm: &Vm) -> Result<Prerequisite<Plan>, Fault> {
    image(cx, vm)?;
    cx.needs_running(ResourceType::VirtualRouter, ()).then(look(cx)).await
}

pub async fn execute(cx: &Context, vm: &Vm, plan: Plan) -> Result<(), Fault> {
    let image = image(cx, vm)?.clone();
    let mut steps = Steps::new();
    steps.then(Cached { image, storage: plan.storage.clone(), host: cx.host().into() });
    while_off(cx, vm, &plan, &mut steps)?;
    steps.then(On { vm: vm.id });
    cx.carry_out(steps).await
}
