//! Devices of a running guest: disks and nics that come and go, disks that grow, processors that are added.

use crate::{Actual, Which, free_target, present, xml};
use commands::{qemu_img, virsh};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::{ResourceId, names};
use std::time::Duration;

/// What a guest gets to let go of a device.
const LET_GO_LIMIT: Duration = Duration::from_secs(60);

const GLANCE: Duration = Duration::from_millis(500);

/// A device of a running guest.
pub enum Device {
    Disk { name: String, path: String },
    Nic { mac: String, bridge: String },
}

impl Device {
    fn label(&self) -> String {
        match self {
            Self::Disk { name, .. } => format!("disk {name}"),
            Self::Nic { mac, .. } => format!("nic {mac}"),
        }
    }

    fn is_in(&self, actual: &Actual) -> bool {
        match self {
            Self::Disk { name, .. } => actual.disks.iter().any(|disk| &disk.name == name),
            Self::Nic { mac, .. } => actual.nics.iter().any(|own| &own.mac == mac),
        }
    }

    fn xml(&self, actual: &Actual) -> String {
        match self {
            Self::Disk { name, path } => {
                let own = actual.disks.iter().find(|disk| &disk.name == name);
                let target = own.map_or_else(|| free_target(actual), |disk| disk.target.clone());
                xml::disk(path, &target, name)
            }
            Self::Nic { mac, bridge } => xml::nic(mac, bridge),
        }
    }
}

pub struct Attach {
    pub vm: ResourceId,
    pub device: Device,
}

impl Step for Attach {
    fn name(&self) -> String {
        format!("attach {}", self.device.label())
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.device.is_in(&present(cx, self.vm, Which::Live).await?))) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let xml = self.device.xml(&present(cx, self.vm, Which::Live).await?);
            cx.run(virsh::attach(&cx.settings.libvirt_uri, &names::domain(self.vm), &xml)).await
        })
    }
}

/// The guest lets go of it in its own time.
pub struct Detach {
    pub vm: ResourceId,
    pub device: Device,
}

impl Step for Detach {
    fn name(&self) -> String {
        format!("detach {}", self.device.label())
    }

    fn deadline(&self) -> Duration {
        LET_GO_LIMIT + Duration::from_secs(30)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(!self.device.is_in(&present(cx, self.vm, Which::Live).await?))) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let xml = self.device.xml(&present(cx, self.vm, Which::Live).await?);
            cx.run(virsh::detach(&cx.settings.libvirt_uri, &names::domain(self.vm), &xml)).await?;
            let glances = LET_GO_LIMIT.as_millis() / GLANCE.as_millis();
            for _ in 0..glances {
                if cx.is_dry_run() || !self.device.is_in(&present(cx, self.vm, Which::Live).await?) {
                    break;
                }
                cx.pause(GLANCE).await?;
            }
            Ok(())
        })
    }
}

/// A disk under a running guest.
pub struct Grow {
    pub vm: ResourceId,
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
            let disk = cx.run(qemu_img::info(&self.path)).await?;
            let absent = || {
                let differs =
                    Fault::new(&errors::driver::STEP_DIFFERS).hole("step", self.name()).hole("found", "no file");
                differs.hole("wanted", &self.path)
            };
            Ok(disk.map_or_else(|| Look::Differs(absent()), |disk| Look::done_if(disk.bytes >= self.gb * qemu_img::GB)))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            cx.run(virsh::grow(&cx.settings.libvirt_uri, &names::domain(self.vm), &self.path, self.gb)).await
        })
    }
}

pub struct Cpus {
    pub vm: ResourceId,
    pub count: u32,
}

impl Step for Cpus {
    fn name(&self) -> String {
        format!("{} processors", self.count)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(present(cx, self.vm, Which::Live).await?.cpu == self.count)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(
            async move { cx.run(virsh::set_cpus(&cx.settings.libvirt_uri, &names::domain(self.vm), self.count)).await },
        )
    }
}
