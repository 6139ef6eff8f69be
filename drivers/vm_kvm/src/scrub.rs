//! Removes a VM: its domain, its files, and the bridges that nobody else is on.

use crate::images;
use crate::plan::{Plan, look};
use crate::steps::remove::Undefine;
use domains::power::Off;
use errors::Fault;
use folders::RemoveFolder;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::names;
use model::vm::Vm;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, _vm: &Vm) -> Result<Prerequisite<Plan>, Fault> {
    Ok(Prerequisite::Ready(look(cx).await?))
}

pub async fn execute(cx: &Context, vm: &Vm, plan: Plan) -> Result<(), Fault> {
    let mut steps = Steps::new();
    steps.then(Off::of(cx, vm.id));
    steps.then(Undefine { vm: vm.id });
    steps.then(RemoveFolder { path: names::vm_folder(&plan.storage, vm.id) });
    images::removed(cx, vm, &images::known(vm), &mut steps);
    steps.then(segments::LeaveBridges { host: cx.host().into() });
    cx.carry_out(steps).await
}
