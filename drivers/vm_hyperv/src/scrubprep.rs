//! Puts a VM aside: off, unplugged, kept, and not started with its host, so that it can be restored.

use crate::steps::define::StaysOff;
use crate::steps::nic::Unplugged;
use errors::Fault;
use hyperv::answers;
use hyperv::power::Off;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::ResourceType;
use model::event::Event;
use model::vm::Vm;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, _vm: &Vm) -> Result<Prerequisite<()>, Fault> {
    cx.needs_closed(ResourceType::Snapshot, ()).then(answers(cx)).await
}

pub async fn execute(cx: &Context, vm: &Vm, _ready: ()) -> Result<(), Fault> {
    let mut steps = Steps::new();
    steps.then(StaysOff { vm: vm.id });
    steps.then(Off::of(cx, vm.id));
    steps.then(Unplugged { vm: vm.id });
    cx.carry_out(steps).await
}
