//! What every verb looks at before it begins.

use commands::virsh;
use domains::{Which, present};
use errors::Fault;
use lifecycle::{Context, Prerequisite};
use model::snapshot::Snapshot;
use model::{ResourceType, State, names};

/// Libvirt answers.
pub async fn look(cx: &Context) -> Result<(), Fault> {
    cx.run(virsh::version(&cx.settings.libvirt_uri)).await
}

/// Ready when no other snapshot of the VM is at work: the tree is changed by one at a time. One that is only queued is
/// not waited for: two would wait for each other.
pub fn idle(cx: &Context, snapshot: &Snapshot) -> Prerequisite<()> {
    let at_work = cx.related.iter().find(|other| {
        let is_at_work = matches!(other.state, State::Building | State::RunningUpdating | State::Scrubbing);
        other.resource_type == ResourceType::Snapshot && other.id != snapshot.id && is_at_work
    });
    match at_work {
        None => Prerequisite::Ready(()),
        Some(other) => Prerequisite::Wait {
            reason: format!("snapshot {} to be done, it is {}", other.id, other.state),
            resource: Some(other.id),
        },
    }
}

/// The VM's definition as it runs, or as the next start uses it.
pub async fn definition(cx: &Context) -> Result<String, Fault> {
    let vm = cx.vm()?.id;
    present(cx, vm, Which::Live).await?;
    Ok(cx.run(virsh::live(&cx.settings.libvirt_uri, &names::domain(vm))).await?.unwrap_or_default())
}

pub fn absent(cx: &Context, snapshot: &Snapshot) -> Fault {
    Fault::new(&errors::snapshot_kvm::ABSENT)
        .hole("snapshot", names::snapshot(snapshot.id))
        .hole("domain", names::domain(snapshot.spec.vm))
        .hole("host", cx.host())
}
