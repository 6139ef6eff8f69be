//! Bringing a VM that was reverted to the state of its record: on or off, thawed, its disks of the size that it wishes.

use super::{is_frozen, state};
use commands::qemu_img;
use commands::virsh::{self, State};
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::{ResourceId, names};
use std::time::Duration;

/// It goes on from where it stood, or starts.
pub struct Resume {
    pub vm: ResourceId,
}

impl Step for Resume {
    fn name(&self) -> String {
        "resume".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(state(cx, self.vm).await? == Some(State::Running))) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let (uri, domain) = (&cx.settings.libvirt_uri, names::domain(self.vm));
            match state(cx, self.vm).await? {
                Some(State::ShutOff) => cx.run(virsh::start(uri, &domain)).await,
                _ => cx.run(virsh::resume(uri, &domain)).await,
            }
        })
    }
}

/// What it had in memory is given up; what is on its disks is kept.
pub struct Stop {
    pub vm: ResourceId,
}

impl Step for Stop {
    fn name(&self) -> String {
        "stop".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(state(cx, self.vm).await? == Some(State::ShutOff))) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.run(virsh::destroy(&cx.settings.libvirt_uri, &names::domain(self.vm))).await })
    }
}

const GLANCE: Duration = Duration::from_millis(500);

/// What an agent gets to be heard of again.
const PATIENCE: Duration = Duration::from_secs(60);

/// A guest that was frozen when the snapshot was taken is so again.
pub struct Thaw {
    pub vm: ResourceId,
}

impl Step for Thaw {
    fn name(&self) -> String {
        "thaw".into()
    }

    fn deadline(&self) -> Duration {
        PATIENCE + Duration::from_secs(30)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(is_frozen(cx, self.vm).await? == Some(false))) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            for _ in 0..PATIENCE.as_millis() / GLANCE.as_millis() {
                if cx.is_dry_run() || is_frozen(cx, self.vm).await?.is_some() {
                    break;
                }
                cx.pause(GLANCE).await?;
            }
            cx.run(virsh::agent::thaw(&cx.settings.libvirt_uri, &names::domain(self.vm))).await
        })
    }
}

/// A disk that has grown since is as small as it was then; its guest is off.
pub struct Grow {
    pub name: String,
    pub path: String,
    pub gb: u64,
}

impl Step for Grow {
    fn name(&self) -> String {
        format!("grow disk {}", self.name)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let disk = cx.run(qemu_img::info(&self.path)).await?.unwrap_or_default();
            Ok(Look::done_if(disk.bytes >= self.gb * qemu_img::GB))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.run(qemu_img::grow(&self.path, self.gb)).await })
    }
}
