//! The VM itself, and files that the host has open.

use commands::hyperv::{vhd, vm};
use hyperv::files::mounted;
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

impl Step for Dismounted {
    fn name(&self) -> String {
        "dismount disks".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(mounted(cx, &self.folder).await?.is_empty())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            for path in mounted(cx, &self.folder).await? {
                cx.run(vhd::dismount(&path)).await?;
            }
            Ok(())
        })
    }
}
