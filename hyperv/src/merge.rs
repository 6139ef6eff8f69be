//! Waiting until the files of removed checkpoints are merged: judged by what the disks are, never by words.

use crate::own_disks;
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::{ResourceId, windows};
use std::time::Duration;

const GLANCE: Duration = Duration::from_secs(1);

/// What large disks take; an attempt that waited so long is not the last.
const PATIENCE: Duration = Duration::from_secs(2 * 3600);

/// No disk of the VM is on top of another file of its own any more. To be waited for when it has no checkpoints left.
pub struct Merged {
    pub vm: ResourceId,
    pub patience: Duration,
}

impl Merged {
    pub fn of(vm: ResourceId) -> Self {
        Self { vm, patience: PATIENCE }
    }

    async fn is_so(&self, cx: &Context) -> Result<bool, Fault> {
        Ok(own_disks(cx, self.vm).await?.iter().all(|disk| !disk.is_layered()))
    }
}

impl Step for Merged {
    fn name(&self) -> String {
        "wait for the merge".into()
    }

    fn deadline(&self) -> Duration {
        self.patience + Duration::from_secs(60)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.is_so(cx).await?)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            for _ in 0..self.patience.as_millis() / GLANCE.as_millis() {
                if cx.is_dry_run() || self.is_so(cx).await? {
                    return Ok(());
                }
                cx.note("merging");
                cx.pause(GLANCE).await?;
            }
            let merging = Fault::new(&errors::hyperv::MERGING).hole("vm", windows::vm(self.vm)).hole("host", cx.host());
            Err(merging.hole("waited_secs", self.patience.as_secs()))
        })
    }
}
