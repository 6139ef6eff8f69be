//! Shuts a VM down: by asking the guest, and when it does not care, by the plug.

use errors::Fault;
use hyperv::answers;
use hyperv::power::Off;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::vm::Vm;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, _vm: &Vm) -> Result<Prerequisite<()>, Fault> {
    answers(cx).await?;
    Ok(Prerequisite::Ready(()))
}

pub async fn execute(cx: &Context, vm: &Vm, _ready: ()) -> Result<(), Fault> {
    let mut steps = Steps::new();
    steps.then(Off::of(cx, vm.id));
    cx.carry_out(steps).await
}
