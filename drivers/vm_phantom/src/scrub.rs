//! Scrubs a VM that has no hardware.

use errors::Fault;
use lifecycle::phantom::{Rows, carry_out};
use lifecycle::{Context, Outbox, Prerequisite};
use model::event::Event;
use model::vm::Vm;

const ROWS: Rows = &[("remove everything", "", None)];

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(_cx: &Context, _vm: &Vm) -> Result<Prerequisite<()>, Fault> {
    Ok(Prerequisite::Ready(()))
}

pub async fn execute(cx: &Context, vm: &Vm, (): ()) -> Result<(), Fault> {
    carry_out(cx, vm, vm.spec.phantom.as_ref(), ROWS).await
}
