//! The steps of the verbs: each looks, acts, and looks again.

pub mod by_disk;
pub mod delete;
pub mod disk;
pub mod rest;
pub mod revert;
pub mod take;

use commands::virsh::{self, State};
use errors::Fault;
use lifecycle::Context;
use model::{ResourceId, names};
use std::time::Duration;

/// The memory of a guest is written to its disk, or read from it.
const LONG: Duration = Duration::from_secs(1800);

/// An agent may answer and yet be told not to freeze: a snapshot without is as good as a power cut.
async fn freeze(cx: &Context, vm: ResourceId) -> bool {
    let frozen = cx.run(virsh::agent::freeze(&cx.settings.libvirt_uri, &names::domain(vm))).await;
    if let Err(fault) = &frozen {
        cx.note(format!("the file systems are not frozen: {fault}"));
    }
    frozen.is_ok()
}

async fn state(cx: &Context, vm: ResourceId) -> Result<Option<State>, Fault> {
    cx.run(virsh::state(&cx.settings.libvirt_uri, &names::domain(vm))).await
}

/// Whether the guest's file systems are frozen; none when no agent answers.
async fn is_frozen(cx: &Context, vm: ResourceId) -> Result<Option<bool>, Fault> {
    cx.run(virsh::agent::is_frozen(&cx.settings.libvirt_uri, &names::domain(vm))).await
}
