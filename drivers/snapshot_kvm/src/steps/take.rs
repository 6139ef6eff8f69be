//! Taking a snapshot, the guest's file systems frozen meanwhile when it has an agent.
//!
//! Guarantees: a guest that was frozen by an attempt is thawed by the same step, or by the next attempt's.

use super::{LONG, freeze, is_frozen, thaw};
use crate::xml;
use commands::{qemu_img, virsh};
use domains::{Which, present};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::{ResourceId, names};
use std::time::Duration;

pub struct Take {
    pub vm: ResourceId,
    pub snapshot: ResourceId,
}

impl Take {
    /// Known to libvirt.
    async fn is_listed(&self, cx: &Context) -> Result<bool, Fault> {
        let listed = cx.run(virsh::snapshot::names(&cx.settings.libvirt_uri, &names::domain(self.vm))).await?;
        Ok(listed.contains(&names::snapshot(self.snapshot)))
    }

    /// Known to libvirt and in every disk. Libvirt lists it from the beginning, the disks hold it at the end.
    async fn is_taken(&self, cx: &Context) -> Result<bool, Fault> {
        if !self.is_listed(cx).await? {
            return Ok(false);
        }
        let name = names::snapshot(self.snapshot);
        for disk in present(cx, self.vm, Which::Live).await?.disks {
            let info = cx.run(qemu_img::info(&disk.path)).await?.unwrap_or_default();
            if !info.snapshots.iter().any(|snapshot| snapshot.name == name) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn take(&self, cx: &Context, frozen: &mut bool) -> Result<(), Fault> {
        let (uri, domain, name) = (&cx.settings.libvirt_uri, names::domain(self.vm), names::snapshot(self.snapshot));
        if self.is_listed(cx).await? {
            // Begun by an attempt that was lost: libvirt ends that first, whatever came of it.
            cx.run(virsh::snapshot::delete(uri, &domain, &name)).await?;
        }
        *frozen = freeze(cx, self.vm).await?;
        cx.run(virsh::snapshot::create(uri, &domain, &xml::snapshot(self.snapshot, self.vm, *frozen))).await
    }
}

impl Step for Take {
    fn name(&self) -> String {
        "take snapshot".into()
    }

    fn deadline(&self) -> Duration {
        LONG
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(
            async move { Ok(Look::done_if(self.is_taken(cx).await? && is_frozen(cx, self.vm).await? != Some(true))) },
        )
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let mut frozen = false;
            let taken = if self.is_taken(cx).await? { Ok(()) } else { self.take(cx, &mut frozen).await };
            // Whatever came of it.
            thaw(cx, self.vm, frozen).await?;
            taken
        })
    }
}
