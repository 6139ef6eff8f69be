//! An image of a Ceph pool as a disk of a domain: in its definition, and in the guest while it runs. The secret that holds
//! its key is made between the two, as it is kept for as long as a definition names it.

use crate::{Actual, Which, free_target, free_volume_target, own, present, xml};
use commands::virsh::{self, State};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::{ResourceId, names};
use std::time::Duration;

/// What a guest gets to let go of a device.
const LET_GO_LIMIT: Duration = Duration::from_secs(60);

const GLANCE: Duration = Duration::from_millis(500);

/// A disk of a VM, or a volume that is attached to it.
#[derive(Clone, Debug)]
pub struct Image {
    pub vm: ResourceId,
    /// By which the guest tells it from others.
    pub serial: String,
    /// `pool/image`
    pub path: String,
}

impl Image {
    pub fn of_volume(vm: ResourceId, volume: ResourceId, pool: &str) -> Self {
        let path = names::in_pool(pool, &names::volume(volume));
        Self { vm, serial: names::volume_serial(volume), path }
    }

    /// Where a running guest has it; none when the guest is off or has it not.
    pub async fn live_target(&self, cx: &Context) -> Result<Option<String>, Fault> {
        if !self.runs(cx).await? {
            return Ok(None);
        }
        Ok(own(cx, self.vm, Which::Live).await?.and_then(|live| live.target_of(&self.path).map(str::to_owned)))
    }

    async fn kept_target(&self, cx: &Context) -> Result<Option<String>, Fault> {
        Ok(own(cx, self.vm, Which::Kept).await?.and_then(|kept| kept.target_of(&self.path).map(str::to_owned)))
    }

    /// Whether the guest is on.
    async fn runs(&self, cx: &Context) -> Result<bool, Fault> {
        let domain = names::domain(self.vm);
        match cx.run(virsh::state(&cx.settings.libvirt_uri, &domain)).await? {
            Some(State::Running) => Ok(true),
            None | Some(State::ShutOff) => Ok(false),
            Some(State::Other(word)) => {
                Err(Fault::new(&errors::domains::DOMAIN_NOT_RUNNING).hole("domain", domain).hole("found", word))
            }
        }
    }

    fn free_target(&self, actual: &Actual) -> String {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        if names::volume_of(name).is_some() { free_volume_target(actual) } else { free_target(actual) }
    }

    fn xml(&self, cx: &Context, target: &str) -> String {
        xml::image(&self.path, target, &self.serial, &cx.settings.ceph)
    }
}

/// In the definition, with which the guest starts from now on.
pub struct Keep(pub Image);

impl Step for Keep {
    fn name(&self) -> String {
        format!("define {}", self.0.serial)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let kept = present(cx, self.0.vm, Which::Kept).await?;
            Ok(Look::done_if(kept.target_of(&self.0.path).is_some()))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let image = &self.0;
            let target = image.free_target(&present(cx, image.vm, Which::Kept).await?);
            let domain = names::domain(image.vm);
            cx.run(virsh::attach_kept(&cx.settings.libvirt_uri, &domain, &image.xml(cx, &target))).await
        })
    }
}

/// In the guest, if it is on.
pub struct Plug(pub Image);

impl Step for Plug {
    fn name(&self) -> String {
        format!("attach {}", self.0.serial)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(!self.0.runs(cx).await? || self.0.live_target(cx).await?.is_some())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let image = &self.0;
            // In a dry run it is not in the definition yet.
            let target = image.kept_target(cx).await?.unwrap_or_default();
            let domain = names::domain(image.vm);
            cx.run(virsh::attach_live(&cx.settings.libvirt_uri, &domain, &image.xml(cx, &target))).await
        })
    }
}

/// Out of the guest, which lets go of it in its own time.
pub struct Unplug(pub Image);

impl Step for Unplug {
    fn name(&self) -> String {
        format!("detach {}", self.0.serial)
    }

    fn deadline(&self) -> Duration {
        LET_GO_LIMIT + Duration::from_secs(30)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.0.live_target(cx).await?.is_none())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let image = &self.0;
            let Some(target) = image.live_target(cx).await? else { return Ok(()) };
            let domain = names::domain(image.vm);
            cx.run(virsh::detach_live(&cx.settings.libvirt_uri, &domain, &image.xml(cx, &target))).await?;
            for _ in 0..LET_GO_LIMIT.as_millis() / GLANCE.as_millis() {
                if cx.is_dry_run() || image.live_target(cx).await?.is_none() {
                    break;
                }
                cx.pause(GLANCE).await?;
            }
            Ok(())
        })
    }
}

/// Out of the definition.
pub struct Forget(pub Image);

impl Step for Forget {
    fn name(&self) -> String {
        format!("undefine {}", self.0.serial)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.0.kept_target(cx).await?.is_none())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let image = &self.0;
            let Some(target) = image.kept_target(cx).await? else { return Ok(()) };
            let domain = names::domain(image.vm);
            cx.run(virsh::detach_kept(&cx.settings.libvirt_uri, &domain, &image.xml(cx, &target))).await
        })
    }
}
