//! Deleting one snapshot; what stands on top of it then stands on what is beneath it.

use super::LONG;
use commands::virsh;
use domains::{Which, own};
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
}

impl Step for Delete {
    fn name(&self) -> String {
        format!("delete {}", self.name)
    }

    fn deadline(&self) -> Duration {
        LONG
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.is_gone(cx).await?)) })
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
