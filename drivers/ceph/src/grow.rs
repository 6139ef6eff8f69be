//! A volume that grows: by QEMU where a running guest has it open, who then sees it; else by `rbd`.

use crate::device::holder;
use commands::{rbd, virsh};
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::{ResourceId, names};
use pools::GB;

pub struct Grow {
    /// The VM that it is attached to.
    pub vm: Option<ResourceId>,
    pub volume: ResourceId,
    pub image: String,
    pub gb: u64,
}

impl Step for Grow {
    fn name(&self) -> String {
        "grow".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let found = pools::present(cx, &self.image, self.volume).await?;
            Ok(Look::done_if(found.bytes >= self.gb * GB))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let open = match self.vm {
                Some(vm) => holder(cx, vm, self.volume).await?.map(|found| (vm, found)),
                None => None,
            };
            match open {
                Some((vm, found)) => {
                    let domain = names::domain(vm);
                    cx.run(virsh::grow(&cx.settings.libvirt_uri, &domain, &found.target, self.gb)).await
                }
                None => cx.run(rbd::resize(&cx.settings.ceph, &self.image, self.gb)).await,
            }
        })
    }
}
