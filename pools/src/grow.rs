//! An image that grows: by QEMU where a running guest has it open, who then sees it; else by `rbd`.

use crate::{GB, present};
use commands::{rbd, virsh};
use domains::image::Image;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::{ResourceId, names};

pub struct Grow {
    pub label: String,
    /// `pool/image`
    pub image: String,
    pub owner: ResourceId,
    pub gb: u64,
    /// As the disk that it is of a VM; none when it is on none.
    pub disk: Option<Image>,
}

impl Step for Grow {
    fn name(&self) -> String {
        self.label.clone()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let found = present(cx, &self.image, self.owner).await?;
            Ok(Look::done_if(found.bytes >= self.gb * GB))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            if let Some(disk) = &self.disk
                && let Some(target) = disk.live_target(cx).await?
            {
                let domain = names::domain(disk.vm);
                return cx.run(virsh::grow(&cx.settings.libvirt_uri, &domain, &target, self.gb)).await;
            }
            cx.run(rbd::resize(&cx.settings.ceph, &self.image, self.gb)).await
        })
    }
}
