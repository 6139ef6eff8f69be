//! One function of a PCI device, or one mediated device, comes to a VM, or goes. Each locks the device on its host: the last one to look is the one to act.

use commands::virsh;
use domains::{Hostdev, Which, hostdev, hostdevs};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::device::Device;
use model::lock::LockName;
use model::{ResourceId, names};
use std::time::Duration;

/// What a guest gets to let go of a device.
const LET_GO_LIMIT: Duration = Duration::from_secs(60);

const GLANCE: Duration = Duration::from_millis(500);

/// Every device that is given to the VM: by its definition, and while it runs by what runs.
pub async fn given(cx: &Context, vm: ResourceId, which: Which) -> Result<Vec<Hostdev>, Fault> {
    let (uri, domain) = (&cx.settings.libvirt_uri, names::domain(vm));
    let mut texts = vec![cx.run(virsh::definition(uri, &domain)).await?];
    if which == Which::Live {
        texts.push(cx.run(virsh::live(uri, &domain)).await?);
    }
    let mut found = Vec::new();
    for xml in texts.into_iter().flatten() {
        found.extend(hostdevs(&xml).map_err(|reason| {
            Fault::new(&errors::driver::ANSWER_UNREADABLE)
                .hole("program", "virsh dumpxml")
                .hole("host", cx.host())
                .hole("reason", reason)
        })?);
    }
    Ok(found)
}

/// In how many of the definitions that count the VM has it.
async fn times(cx: &Context, vm: ResourceId, which: Which, device: Device) -> Result<usize, Fault> {
    Ok(given(cx, vm, which).await?.iter().filter(|found| found.device == device).count())
}

fn all(which: Which) -> usize {
    if which == Which::Live { 2 } else { 1 }
}

fn lock(host: &str, device: Device) -> Option<LockName> {
    Some(LockName::Device { host: host.to_owned(), device: device.to_string() })
}

pub struct Attach {
    pub vm: ResourceId,
    pub gpu: ResourceId,
    pub device: Device,
    pub which: Which,
    pub host: String,
}

impl Step for Attach {
    fn name(&self) -> String {
        format!("attach {}", self.device)
    }

    fn lock(&self) -> Option<LockName> {
        lock(&self.host, self.device)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(
            async move { Ok(Look::done_if(times(cx, self.vm, self.which, self.device).await? == all(self.which))) },
        )
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let xml = hostdev(&Hostdev { device: self.device, gpu: Some(self.gpu) });
            let (uri, domain) = (&cx.settings.libvirt_uri, names::domain(self.vm));
            match self.which {
                Which::Live => cx.run(virsh::attach(uri, &domain, &xml)).await,
                Which::Kept => cx.run(virsh::attach_kept(uri, &domain, &xml)).await,
            }
        })
    }
}

/// A guest that runs lets go of it in its own time.
pub struct Detach {
    pub vm: ResourceId,
    pub gpu: ResourceId,
    pub device: Device,
    pub which: Which,
    pub host: String,
}

impl Step for Detach {
    fn name(&self) -> String {
        format!("detach {}", self.device)
    }

    fn deadline(&self) -> Duration {
        LET_GO_LIMIT + Duration::from_secs(30)
    }

    fn lock(&self) -> Option<LockName> {
        lock(&self.host, self.device)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(times(cx, self.vm, self.which, self.device).await? == 0)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let xml = hostdev(&Hostdev { device: self.device, gpu: Some(self.gpu) });
            let (uri, domain) = (&cx.settings.libvirt_uri, names::domain(self.vm));
            if self.which == Which::Kept {
                return cx.run(virsh::detach_kept(uri, &domain, &xml)).await;
            }
            let asked = cx.run(virsh::detach(uri, &domain, &xml)).await;
            for _ in 0..LET_GO_LIMIT.as_millis() / GLANCE.as_millis() {
                if cx.is_dry_run() || times(cx, self.vm, self.which, self.device).await? == 0 {
                    return Ok(());
                }
                // One that the guest was asked for before is gone from the definition: that is no failure while it lets go.
                if times(cx, self.vm, Which::Kept, self.device).await? > 0 {
                    asked?;
                    break;
                }
                cx.pause(GLANCE).await?;
            }
            Err(Fault::new(&errors::gpu::HELD)
                .hole("domain", domain)
                .hole("device", self.device)
                .hole("limit_secs", LET_GO_LIMIT.as_secs()))
        })
    }
}
