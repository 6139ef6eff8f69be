//! Puts a VM aside: off, kept, and not started with its host, so that it can be restored.

use crate::plan::{Plan, look};
use crate::steps::define::LeaveAutostart;
use domains::power::Off;
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::ResourceType;
use model::event::Event;
use model::vm::Vm;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, _vm: &Vm) -> Result<Prerequisite<Plan>, Fault> {
    let snapshots = cx.needs_closed(ResourceType::Snapshot, ());
    let volumes = cx.needs_detached(ResourceType::Ceph, ());
    let gpus = cx.needs_detached(ResourceType::Gpu, ());
    snapshots.and(volumes).and(gpus).then(look(cx)).await
}

pub async fn execute(cx: &Context, vm: &Vm, _plan: Plan) -> Result<(), Fault> {
    let mut steps = Steps::new();
    steps.then(LeaveAutostart { vm: vm.id });
    steps.then(Off::of(cx, vm.id));
    cx.carry_out(steps).await
}
