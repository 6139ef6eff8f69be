//! The image on the host: copied once, checked, kept by its checksum.

use commands::hyperv::file;
use errors::Fault;
use hyperv::files;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::image::Image;
use model::lock::LockName;
use model::windows;
use std::time::Duration;

pub struct Cached {
    pub image: Image,
    pub storage: String,
    pub host: String,
}

impl Cached {
    fn path(&self) -> String {
        windows::base(&self.storage, self.image.id, &self.image.spec.sha256)
    }

    async fn check(&self, cx: &Context, part: &str) -> Result<(), Fault> {
        cx.note("checking");
        let found = cx.run_long(file::sha256(part)).await?.unwrap_or_default();
        if found == self.image.spec.sha256 {
            return Ok(());
        }
        files::remove_debris(cx, part).await?;
        Err(Fault::new(&errors::vm_hyperv::IMAGE_CHECKSUM)
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

    /// Two VMs of one image on one host: the second finds what the first has copied.
    fn lock(&self) -> Option<LockName> {
        Some(LockName::Pool { host: self.host.clone(), pool: "images".into() })
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        // Its name holds its checksum, and it gets that name only after the check.
        Box::pin(async move { Ok(Look::done_if(files::exists(cx, &self.path()).await?)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let path = self.path();
            let part = windows::part_of_disk(&path);
            cx.run(file::make_folder(&windows::images(&self.storage))).await?;
            cx.note("copying");
            cx.run_long(file::copy(&self.image.spec.source, &part)).await?;
            if !cx.is_dry_run() {
                self.check(cx, &part).await?;
            }
            cx.run(file::rename(&part, &path)).await
        })
    }
}
