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

/// Whether it is frozen now, by this. An agent may answer and yet be told not to freeze: a snapshot without is as good as a power
/// cut.
async fn freeze(cx: &Context, vm: ResourceId) -> Result<bool, Fault> {
    if is_frozen(cx, vm).await? != Some(false) {
        return Ok(false);
    }
    let (uri, domain) = (&cx.settings.libvirt_uri, names::domain(vm));
    let Err(fault) = cx.run(virsh::agent::freeze(uri, &domain)).await else { return Ok(true) };
    cx.note(format!("the file systems are not frozen: {fault}"));
    // One that was only slow may freeze them yet, and then does this too.
    if let Err(fault) = cx.run(virsh::agent::thaw(uri, &domain)).await {
        cx.note(format!("whether they are was not to be heard: {fault}"));
    }
    Ok(false)
}

/// What this attempt has frozen, and what one that was lost has: an agent that does not say so now may have no time to.
async fn thaw(cx: &Context, vm: ResourceId, frozen: bool) -> Result<(), Fault> {
    if frozen || is_frozen(cx, vm).await? == Some(true) {
        cx.run(virsh::agent::thaw(&cx.settings.libvirt_uri, &names::domain(vm))).await?;
    }
    Ok(())
}

async fn state(cx: &Context, vm: ResourceId) -> Result<Option<State>, Fault> {
    cx.run(virsh::state(&cx.settings.libvirt_uri, &names::domain(vm))).await
}

/// Whether the guest's file systems are frozen; none when no agent answers.
async fn is_frozen(cx: &Context, vm: ResourceId) -> Result<Option<bool>, Fault> {
    cx.run(virsh::agent::is_frozen(&cx.settings.libvirt_uri, &names::domain(vm))).await
}
