//! A VM's image in a pool, from which the primary disks of its VMs are cloned: imported once, named by its checksum.

use crate::lock;
use commands::{qemu_img, rbd};
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::image::Image;
use model::lock::LockName;
use model::names;
use std::time::Duration;

/// What the mark of an image that is cloned is called; it names the record.
const MARK: &str = "drover.image";

pub struct Imported {
    pub image: Image,
    /// Its file on the host.
    pub from: String,
    pub pool: String,
}

/// `pool/image`
pub fn path(image: &Image, pool: &str) -> String {
    names::in_pool(pool, &names::pool_image(image.id, &image.spec.sha256))
}

impl Step for Imported {
    fn name(&self) -> String {
        format!("image in {}", self.pool)
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(2 * 3600)
    }

    /// Two VMs of one image, on two hosts: the second finds what the first has imported.
    fn lock(&self) -> Option<LockName> {
        lock(&self.pool)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let snapshots = cx.run(rbd::snapshots(&cx.settings.ceph, &path(&self.image, &self.pool))).await?;
            Ok(Look::done_if(snapshots.iter().any(rbd::Snapshot::is_protected)))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let (ceph, path) = (&cx.settings.ceph, path(&self.image, &self.pool));
            let part = names::part(&path);
            if cx.run(rbd::info(ceph, &path)).await?.is_none() {
                cx.note("importing");
                let format =
                    cx.run(qemu_img::info(&self.from)).await?.map_or_else(|| "qcow2".into(), |disk| disk.format);
                cx.run(rbd::remove(ceph, &part)).await?;
                cx.run(qemu_img::import(&self.from, &format, &part, ceph)).await?;
                cx.run(rbd::set_metadata(ceph, &part, MARK, &self.image.id.to_string())).await?;
                cx.run(rbd::rename(ceph, &part, &path)).await?;
            }
            let snapshot = names::clonable(&path);
            if cx.run(rbd::snapshots(ceph, &path)).await?.is_empty() {
                cx.run(rbd::take_snapshot(ceph, &snapshot)).await?;
            }
            cx.run(rbd::protect(ceph, &snapshot)).await
        })
    }
}
