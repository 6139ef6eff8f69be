//! A volume as a disk of a VM: in the domain's definition, and in the guest while it runs.

use commands::virsh::{self, State};
use domains::{Actual, ActualVolume, Which, own, present};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::{ResourceId, names};
use std::time::Duration;

/// What a guest gets to let go of a device.
const LET_GO_LIMIT: Duration = Duration::from_secs(60);

const GLANCE: Duration = Duration::from_millis(500);

fn find(actual: &Actual, volume: ResourceId) -> Option<&ActualVolume> {
    actual.volumes.iter().find(|found| found.id == volume)
}

/// Whether the guest is on.
async fn runs(cx: &Context, vm: ResourceId) -> Result<bool, Fault> {
    let domain = names::domain(vm);
    match cx.run(virsh::state(&cx.settings.libvirt_uri, &domain)).await? {
        Some(State::Running) => Ok(true),
        None | Some(State::ShutOff) => Ok(false),
        Some(State::Other(word)) => {
            Err(Fault::new(&errors::domains::DOMAIN_NOT_RUNNING).hole("domain", domain).hole("found", word))
        }
    }
}

/// The volume as a running guest has it; none when the guest is off or has it not.
pub async fn holder(cx: &Context, vm: ResourceId, volume: ResourceId) -> Result<Option<ActualVolume>, Fault> {
    if !runs(cx, vm).await? {
        return Ok(None);
    }
    Ok(own(cx, vm, Which::Live).await?.and_then(|live| find(&live, volume).cloned()))
}

async fn kept(cx: &Context, vm: ResourceId, volume: ResourceId) -> Result<Option<ActualVolume>, Fault> {
    Ok(own(cx, vm, Which::Kept).await?.and_then(|kept| find(&kept, volume).cloned()))
}

/// As libvirt gets it, at the target that it has.
fn xml(cx: &Context, found: &ActualVolume) -> String {
    domains::volume(found.id, &found.image, &found.target, &cx.settings.ceph)
}

/// In the definition, with which the guest starts from now on.
pub struct Keep {
    pub vm: ResourceId,
    pub volume: ResourceId,
    pub image: String,
}

impl Step for Keep {
    fn name(&self) -> String {
        "add to definition".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let kept = present(cx, self.vm, Which::Kept).await?;
            Ok(Look::done_if(find(&kept, self.volume).is_some()))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let target = domains::free_volume_target(&present(cx, self.vm, Which::Kept).await?);
            let wanted = ActualVolume { id: self.volume, image: self.image.clone(), target };
            let domain = names::domain(self.vm);
            cx.run(virsh::attach_kept(&cx.settings.libvirt_uri, &domain, &xml(cx, &wanted))).await
        })
    }
}

/// In the guest, if it is on.
pub struct Plug {
    pub vm: ResourceId,
    pub volume: ResourceId,
    pub image: String,
}

impl Step for Plug {
    fn name(&self) -> String {
        "attach".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            Ok(Look::done_if(!runs(cx, self.vm).await? || holder(cx, self.vm, self.volume).await?.is_some()))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let wanted = match kept(cx, self.vm, self.volume).await? {
                Some(kept) => kept,
                // In a dry run it is not there yet.
                None => ActualVolume { id: self.volume, image: self.image.clone(), target: String::new() },
            };
            let domain = names::domain(self.vm);
            cx.run(virsh::attach_live(&cx.settings.libvirt_uri, &domain, &xml(cx, &wanted))).await
        })
    }
}

/// Out of the guest, which lets go of it in its own time.
pub struct Unplug {
    pub vm: ResourceId,
    pub volume: ResourceId,
}

impl Step for Unplug {
    fn name(&self) -> String {
        "detach".into()
    }

    fn deadline(&self) -> Duration {
        LET_GO_LIMIT + Duration::from_secs(30)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(holder(cx, self.vm, self.volume).await?.is_none())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let Some(found) = holder(cx, self.vm, self.volume).await? else { return Ok(()) };
            let domain = names::domain(self.vm);
            cx.run(virsh::detach_live(&cx.settings.libvirt_uri, &domain, &xml(cx, &found))).await?;
            for _ in 0..LET_GO_LIMIT.as_millis() / GLANCE.as_millis() {
                if cx.is_dry_run() || holder(cx, self.vm, self.volume).await?.is_none() {
                    break;
                }
                cx.pause(GLANCE).await;
            }
            Ok(())
        })
    }
}

/// Out of the definition.
pub struct Forget {
    pub vm: ResourceId,
    pub volume: ResourceId,
}

impl Step for Forget {
    fn name(&self) -> String {
        "take from definition".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(kept(cx, self.vm, self.volume).await?.is_none())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let Some(found) = kept(cx, self.vm, self.volume).await? else { return Ok(()) };
            let domain = names::domain(self.vm);
            cx.run(virsh::detach_kept(&cx.settings.libvirt_uri, &domain, &xml(cx, &found))).await
        })
    }
}
