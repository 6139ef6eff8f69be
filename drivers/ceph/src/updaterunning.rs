//! Updates a volume: attaches it to a VM, live where the guest runs; detaches it; grows it, also under a running guest.

use crate::update::{self, Update};
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite};
use model::ceph::Ceph;
use model::event::Event;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, volume: &Ceph) -> Result<Prerequisite<Update>, Fault> {
    update::look(cx, volume).await
}

pub async fn execute(cx: &Context, volume: &Ceph, update: Update) -> Result<(), Fault> {
    cx.carry_out(update::steps(cx, volume, update)).await
}
