//! The VM itself, and files that the host has open.

use crate::steps::drive::is_disk;
use commands::hyperv::{file, vhd, vm};
use errors::Fault;
use hyperv::{identifier, own};
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::ResourceId;
use std::time::Duration;

/// Its configuration, and all that Hyper-V keeps of it but its disks.
pub struct Undefine {
    pub vm: ResourceId,
}

impl Step for Undefine {
    fn name(&self) -> String {
        "undefine VM".into()
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(3600)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(own(cx, self.vm).await?.is_none())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.run(vm::remove(&identifier(cx, self.vm).await?)).await })
    }
}

/// None of the disks in the folder is open on the host itself. The VM is off or gone.
pub struct Dismounted {
    pub folder: String,
}

impl Dismounted {
    async fn mounted(&self, cx: &Context) -> Result<Vec<String>, Fault> {
        let mut mounted = Vec::new();
        for file in cx.run(file::list(&self.folder)).await? {
            if !file.is_folder
                && is_disk(&file.path)
                && cx.run(vhd::info(&file.path)).await?.is_some_and(|vhd| vhd.attached)
            {
                mounted.push(file.path);
            }
        }
        Ok(mounted)
    }
}

impl Step for Dismounted {
    fn name(&self) -> String {
        "dismount disks".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.mounted(cx).await?.is_empty())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            for path in self.mounted(cx).await? {
                cx.run(vhd::dismount(&path)).await?;
            }
            Ok(())
        })
    }
}
