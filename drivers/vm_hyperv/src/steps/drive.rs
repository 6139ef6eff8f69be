//! Disks in the VM. What is not in its folder is another's, and stays as it is.

use commands::hyperv::{disk, dvd};
use errors::Fault;
use hyperv::{disks, identifier, own_disks};
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::ResourceId;

/// Of the controller, the last is kept for the disc of first settings.
const DISC: u32 = 63;

/// A slot of the controller that nothing is in.
async fn free(cx: &Context, vm: &str, name: &str) -> Result<u32, Fault> {
    let drives = cx.run(disk::list(vm)).await?;
    let discs = cx.run(dvd::list(vm)).await?;
    let is_taken = |slot: &u32| {
        let on_controller = drives.iter().filter(|drive| drive.controller == "SCSI" && drive.controller_number == 0);
        on_controller
            .map(|drive| drive.location)
            .chain(discs.iter().map(|disc| disc.location))
            .any(|taken| taken == *slot)
    };
    let full = || Fault::new(&errors::vm_hyperv::NO_DISK).hole("vm", vm).hole("host", cx.host()).hole("disk", name);
    (0..DISC).find(|slot| !is_taken(slot)).ok_or_else(full)
}

pub struct Drive {
    pub vm: ResourceId,
    pub name: String,
    pub path: String,
}

impl Step for Drive {
    fn name(&self) -> String {
        format!("attach {}", self.name)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let disks = own_disks(cx, self.vm).await?;
            Ok(Look::done_if(disks.iter().any(|disk| disk.name.as_deref() == Some(&self.name))))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let id = identifier(cx, self.vm).await?;
            // In a dry run there may be nothing to look at yet.
            let slot = if cx.is_dry_run() { 0 } else { free(cx, &id, &self.name).await? };
            cx.run(disk::add(&id, &self.path, slot)).await
        })
    }
}

/// Disks of its folder that the wish does not name are not in the VM any more.
pub struct NoOtherDrives {
    pub vm: ResourceId,
    pub names: Vec<String>,
}

impl NoOtherDrives {
    fn is_other(&self, disk: &hyperv::Disk) -> bool {
        disk.name.as_ref().is_some_and(|name| !self.names.contains(name))
    }
}

impl Step for NoOtherDrives {
    fn name(&self) -> String {
        "detach disks".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(
            async move { Ok(Look::done_if(!own_disks(cx, self.vm).await?.iter().any(|disk| self.is_other(disk)))) },
        )
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let id = identifier(cx, self.vm).await?;
            for disk in disks(cx, self.vm, &id).await?.iter().filter(|disk| self.is_other(disk)) {
                cx.run(disk::remove(&id, &disk.drive.path)).await?;
            }
            Ok(())
        })
    }
}

/// The slot of the disc of first settings.
pub fn disc_slot() -> u32 {
    DISC
}
