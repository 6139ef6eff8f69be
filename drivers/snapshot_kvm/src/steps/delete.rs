//! Deleting one snapshot; what stands on top of it then stands on what is beneath it.

use super::{LONG, state};
use crate::xml;
use commands::virsh::{self, State};
use domains::{Which, own, present};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::{ResourceId, names};
use std::time::Duration;

pub struct Delete {
    pub vm: ResourceId,
    pub name: String,
}

impl Delete {
    /// A domain that is gone took its snapshots along.
    async fn is_gone(&self, cx: &Context) -> Result<bool, Fault> {
        if own(cx, self.vm, Which::Live).await?.is_none() {
            return Ok(true);
        }
        let listed = cx.run(virsh::snapshot::names(&cx.settings.libvirt_uri, &names::domain(self.vm))).await?;
        Ok(!listed.contains(&self.name))
    }

    /// A disk that the snapshot holds and the running guest has no more.
    async fn disk_gone(&self, cx: &Context) -> Result<Option<String>, Fault> {
        let (uri, domain) = (&cx.settings.libvirt_uri, names::domain(self.vm));
        if state(cx, self.vm).await? == Some(State::ShutOff) {
            return Ok(None);
        }
        let Some(kept) = cx.run(virsh::snapshot::read(uri, &domain, &self.name)).await? else { return Ok(None) };
        let now = present(cx, self.vm, Which::Live).await?;
        let mut disks = xml::domain(cx, &kept)?.disks.into_iter();
        Ok(disks.find(|disk| !now.disks.iter().any(|own| own.target == disk.target)).map(|disk| disk.name))
    }
}

impl Step for Delete {
    fn name(&self) -> String {
        format!("delete {}", self.name)
    }

    fn deadline(&self) -> Duration {
        LONG
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            if self.is_gone(cx).await? {
                return Ok(Look::Done);
            }
            Ok(match self.disk_gone(cx).await? {
                Some(disk) => Look::Differs(
                    Fault::new(&errors::snapshot_kvm::DISK_GONE)
                        .hole("snapshot", &self.name)
                        .hole("disk", disk)
                        .hole("domain", names::domain(self.vm))
                        .hole("host", cx.host()),
                ),
                None => Look::Todo,
            })
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let delete = virsh::snapshot::delete(&cx.settings.libvirt_uri, &names::domain(self.vm), &self.name);
            let deleted = cx.run(delete).await;
            // A deletion that an attempt had begun before it was lost came first.
            if deleted.is_err() && self.is_gone(cx).await? {
                return Ok(());
            }
            deleted
        })
    }
}
