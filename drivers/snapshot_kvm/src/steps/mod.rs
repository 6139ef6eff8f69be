//! The steps of the verbs: each looks, acts, and looks again.

pub mod delete;
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

async fn state(cx: &Context, vm: ResourceId) -> Result<Option<State>, Fault> {
    cx.run(virsh::state(&cx.settings.libvirt_uri, &names::domain(vm))).await
}

/// Whether the guest's file systems are frozen; none when no agent answers.
async fn is_frozen(cx: &Context, vm: ResourceId) -> Result<Option<bool>, Fault> {
    cx.run(virsh::agent::is_frozen(&cx.settings.libvirt_uri, &names::domain(vm))).await
}
