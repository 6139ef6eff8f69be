//! Bringing disks, memory and definition back.

use super::LONG;
use commands::virsh;
use commands::virsh::snapshot::After;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::snapshot::Snapshot;
use model::{ResourceId, names};
use std::time::Duration;

/// The guest stands still, or is off, until it is written down that this was done: what it does afterwards is not lost to
/// an attempt that does it again.
pub struct Revert {
    vm: ResourceId,
    snapshot: ResourceId,
    after: After,
    /// What is written down: a later task reverts again.
    mark: String,
}

impl Revert {
    pub fn of(snapshot: &Snapshot, paused: bool) -> Self {
        let task = snapshot.task_id.map_or_else(String::new, |task| format!(", task {task}"));
        let after = if paused { After::Paused } else { After::Off };
        Self { vm: snapshot.spec.vm, snapshot: snapshot.id, after, mark: format!("{}{task}\n", snapshot.label()) }
    }
}

impl Step for Revert {
    fn name(&self) -> String {
        "revert".into()
    }

    fn deadline(&self) -> Duration {
        LONG
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let found = cx.get(&names::reverted(&cx.settings.storage, self.vm)).await?;
            Ok(Look::done_if(found.as_deref() == Some(self.mark.as_bytes())))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let (domain, name) = (names::domain(self.vm), names::snapshot(self.snapshot));
            cx.run(virsh::snapshot::revert(&cx.settings.libvirt_uri, &domain, &name, self.after)).await?;
            cx.put(&names::reverted(&cx.settings.storage, self.vm), self.mark.as_bytes(), 0o600).await
        })
    }
}
