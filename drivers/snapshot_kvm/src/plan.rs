//! What every verb looks at before it begins.

use commands::virsh;
use domains::{Which, present};
use errors::Fault;
use lifecycle::Context;
use model::names;
use model::snapshot::Snapshot;

/// Libvirt answers.
pub async fn look(cx: &Context) -> Result<(), Fault> {
    cx.run(virsh::version(&cx.settings.libvirt_uri)).await
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
