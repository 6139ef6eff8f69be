//! Images that go: into the trash, from where they can be restored for a while, and at last for ever.

use crate::release::needs_nobody;
use crate::{lock, own};
use commands::rbd::{self, Trashed};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::lock::LockName;
use model::{ResourceId, names};
use std::time::Duration;

/// Removing an image removes its objects one by one.
const LONG: Duration = Duration::from_secs(2 * 3600);

/// The image is in the trash, or gone when its host's settings say so.
pub struct Discarded {
    /// `pool/image`
    pub image: String,
    pub owner: ResourceId,
}

impl Step for Discarded {
    fn name(&self) -> String {
        format!("discard {}", self.image)
    }

    fn deadline(&self) -> Duration {
        LONG
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(own(cx, &self.image, self.owner).await?.is_none())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let ceph = &cx.settings.ceph;
            // The trash takes an image from under a client that has it open.
            needs_nobody(cx, &self.image).await?;
            if ceph.trash_hours == 0 {
                return cx.run(rbd::remove(ceph, &self.image)).await;
            }
            cx.note(format!("in the trash, where it can be restored for {} hours", ceph.trash_hours));
            cx.run(rbd::move_to_trash(ceph, &self.image, ceph.trash_hours)).await
        })
    }
}

/// None of drover's own snapshots is left, so that the image can be removed.
pub struct NoSnapshots {
    /// `pool/image`
    pub image: String,
    pub owner: ResourceId,
}

impl NoSnapshots {
    async fn snapshots(&self, cx: &Context) -> Result<Vec<String>, Fault> {
        if own(cx, &self.image, self.owner).await?.is_none() {
            return Ok(Vec::new());
        }
        let found = cx.run(rbd::snapshots(&cx.settings.ceph, &self.image)).await?;
        Ok(found.into_iter().map(|snapshot| snapshot.name).collect())
    }
}

impl Step for NoSnapshots {
    fn name(&self) -> String {
        format!("remove snapshots of {}", self.image)
    }

    fn deadline(&self) -> Duration {
        LONG
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let snapshots = self.snapshots(cx).await?;
            if snapshots.iter().any(|name| names::snapshot_of(name).is_some()) {
                return Ok(Look::Todo);
            }
            // In the trash it keeps what somebody has made by hand, and stays for as long as that is there.
            if snapshots.is_empty() || cx.settings.ceph.trash_hours > 0 {
                return Ok(Look::Done);
            }
            let held = Fault::new(&errors::ceph::HAS_SNAPSHOTS).hole("image", &self.image);
            Ok(Look::Differs(held.hole("count", snapshots.len())))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            for name in self.snapshots(cx).await?.iter().filter(|name| names::snapshot_of(name).is_some()) {
                cx.run(rbd::remove_snapshot(&cx.settings.ceph, &names::at(&self.image, name))).await?;
            }
            Ok(())
        })
    }
}

/// What an attempt has begun and not finished.
pub struct NoPart {
    /// `pool/image`, of the image that it was to become.
    pub image: String,
}

impl Step for NoPart {
    fn name(&self) -> String {
        "remove what was begun".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        let part = names::part(&self.image);
        Box::pin(async move { Ok(Look::done_if(cx.run(rbd::info(&cx.settings.ceph, &part)).await?.is_none())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.run(rbd::remove(&cx.settings.ceph, &names::part(&self.image))).await })
    }
}

/// What drover has put into the pool's trash is gone once it has expired, whosever it was.
pub struct Purged {
    pub pool: String,
}

impl Purged {
    async fn expired(&self, cx: &Context) -> Result<Vec<Trashed>, Fault> {
        let ceph = &cx.settings.ceph;
        let mut expired = Vec::new();
        for trashed in cx.run(rbd::trash(ceph, &self.pool)).await? {
            if !trashed.has_expired() || names::image_owner(&trashed.name).is_none() {
                continue;
            }
            let found = cx.run(rbd::trashed_info(ceph, &self.pool, &trashed.id)).await?;
            // Something may stand on its snapshots.
            if found.is_some_and(|image| image.snapshots == 0) {
                expired.push(trashed);
            }
        }
        Ok(expired)
    }
}

impl Step for Purged {
    fn name(&self) -> String {
        format!("purge the trash of {}", self.pool)
    }

    fn deadline(&self) -> Duration {
        LONG
    }

    fn lock(&self) -> Option<LockName> {
        lock(&self.pool)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.expired(cx).await?.is_empty())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            for trashed in self.expired(cx).await? {
                cx.note(format!("{} has expired", trashed.name));
                cx.run(rbd::purge(&cx.settings.ceph, &self.pool, &trashed.id)).await?;
            }
            Ok(())
        })
    }
}
