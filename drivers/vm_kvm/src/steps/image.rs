//! The image on the host: fetched once, checked, kept by its checksum.

use commands::{curl, files};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::image::Image;
use model::lock::LockName;
use model::names;
use std::time::Duration;

pub struct Cached {
    pub image: Image,
    pub storage: String,
    pub host: String,
}

impl Cached {
    pub fn path(&self) -> String {
        names::cached_image(&self.storage, self.image.id, &self.image.spec.sha256)
    }

    async fn check(&self, cx: &Context, part: &str) -> Result<(), Fault> {
        let found = cx.run(files::sha256(part)).await?.unwrap_or_default();
        if found == self.image.spec.sha256 {
            return Ok(());
        }
        cx.remove(part).await?;
        Err(Fault::new(&errors::vm_kvm::IMAGE_CHECKSUM)
            .hole("image", &self.image.spec.name)
            .hole("found", found)
            .hole("wanted", &self.image.spec.sha256))
    }
}

impl Step for Cached {
    fn name(&self) -> String {
        "fetch image".into()
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(2 * 3600)
    }

    /// Two VMs of one image on one host: the second finds what the first has fetched.
    fn lock(&self) -> Option<LockName> {
        Some(LockName::Pool { host: self.host.clone(), pool: "images".into() })
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        // Its name holds its checksum, and it gets that name only after the check.
        Box::pin(async move { Ok(Look::done_if(cx.run(files::exists(&self.path())).await?)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let (path, source) = (self.path(), self.image.spec.source.as_str());
            let part = format!("{path}.part");
            cx.run(files::make_folder(&format!("{}/images", self.storage))).await?;
            if source.starts_with('/') {
                cx.note("copying");
                cx.run(files::copy(source, &part)).await?;
            } else {
                cx.note("downloading");
                cx.run(curl::fetch(source, &part)).await?;
            }
            if !cx.is_dry_run() {
                self.check(cx, &part).await?;
            }
            cx.run(files::rename(&part, &path)).await
        })
    }
}
