//! An image: made, or grown while no guest has it open.

use crate::{GB, MARK, own};
use commands::rbd;
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::ceph::Feature;
use model::{ResourceId, names};

pub struct Made {
    /// What people call it.
    pub label: String,
    /// `pool/image`
    pub image: String,
    pub owner: ResourceId,
    pub gb: u64,
    pub features: Vec<Feature>,
    /// The protected snapshot that it starts as.
    pub parent: Option<String>,
}

impl Made {
    /// Under another name, marked, and then renamed: what was begun and not finished is no image.
    async fn make(&self, cx: &Context) -> Result<(), Fault> {
        let (ceph, part) = (&cx.settings.ceph, names::part(&self.image));
        cx.run(rbd::remove(ceph, &part)).await?;
        match &self.parent {
            Some(parent) => {
                cx.run(rbd::clone(ceph, parent, &part, &self.features)).await?;
                if cx.run(rbd::info(ceph, &part)).await?.is_none_or(|clone| clone.bytes < self.gb * GB) {
                    cx.run(rbd::resize(ceph, &part, self.gb)).await?;
                }
            }
            None => cx.run(rbd::create(ceph, &part, self.gb, &self.features)).await?,
        }
        cx.run(rbd::set_metadata(ceph, &part, MARK, &self.owner.to_string())).await?;
        cx.run(rbd::rename(ceph, &part, &self.image)).await
    }
}

impl Step for Made {
    fn name(&self) -> String {
        self.label.clone()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let found = own(cx, &self.image, self.owner).await?;
            Ok(Look::done_if(found.is_some_and(|image| image.bytes >= self.gb * GB)))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            if own(cx, &self.image, self.owner).await?.is_none() {
                return self.make(cx).await;
            }
            cx.run(rbd::resize(&cx.settings.ceph, &self.image, self.gb)).await
        })
    }
}
