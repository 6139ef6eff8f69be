//! An image that nobody has open. The watch of a client that crashed is waited for until it times out, and its client is
//! then kept from coming back; a client that is alive is left in peace, and waited for.

use commands::rbd::{self, Watcher};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use std::time::Duration;

/// A watch ends 30 s after its client was last heard of (`osd_client_watch_timeout`); what outlasts this is alive.
const PATIENCE: Duration = Duration::from_secs(40);

const GLANCE: Duration = Duration::from_millis(500);

pub struct Released {
    /// `pool/image`
    pub image: String,
}

fn names(watchers: &[Watcher]) -> String {
    let name = |watcher: &Watcher| format!("client.{} at {}", watcher.client, watcher.address);
    watchers.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// A fault while somebody has it open.
pub async fn needs_nobody(cx: &Context, image: &str) -> Result<(), Fault> {
    let watchers = cx.run(rbd::watchers(&cx.settings.ceph, image)).await?;
    if watchers.is_empty() {
        return Ok(());
    }
    Err(Fault::new(&errors::ceph::IMAGE_IN_USE).hole("image", image).hole("watchers", names(&watchers)))
}

impl Released {
    async fn wait(&self, cx: &Context) -> Result<(), Fault> {
        let ceph = &cx.settings.ceph;
        for _ in 0..PATIENCE.as_millis() / GLANCE.as_millis() {
            let watchers = cx.run(rbd::watchers(ceph, &self.image)).await?;
            if cx.is_dry_run() || watchers.is_empty() {
                return Ok(());
            }
            cx.note(format!(
                "in use by {}: waiting, for up to {} s, for its watch to end",
                names(&watchers),
                PATIENCE.as_secs()
            ));
            cx.pause(GLANCE).await?;
        }
        needs_nobody(cx, &self.image).await
    }
}

impl Step for Released {
    fn name(&self) -> String {
        "nobody has it open".into()
    }

    fn deadline(&self) -> Duration {
        PATIENCE + Duration::from_secs(60)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let ceph = &cx.settings.ceph;
            let is_open = !cx.run(rbd::watchers(ceph, &self.image)).await?.is_empty();
            Ok(Look::done_if(!is_open && cx.run(rbd::locks(ceph, &self.image)).await?.is_empty()))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let ceph = &cx.settings.ceph;
            self.wait(cx).await?;
            // Who ends well gives its lock back: the owner of one that is left has crashed, or is cut off and may come back.
            for lock in cx.run(rbd::locks(ceph, &self.image)).await? {
                cx.note(format!("{} at {} went without giving its lock back: blocklisted", lock.locker, lock.address));
                cx.run(rbd::break_lock(ceph, &self.image, &lock)).await?;
            }
            Ok(())
        })
    }
}
