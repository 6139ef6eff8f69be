//! What Hyper-V says that a VM is, as far as drover made it so.

use crate::{own, present};
use commands::hyperv::adapter::{self, Adapter};
use commands::hyperv::checkpoint::{self, Checkpoint};
use commands::hyperv::disk::{self, Drive};
use commands::hyperv::vhd::{self, Vhd};
use commands::hyperv::vm::Vm;
use errors::Fault;
use lifecycle::Context;
use model::{ResourceId, windows};

/// A chain of checkpoints has fifty at most.
const DEEPEST: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actual {
    pub vm: Vm,
    pub disks: Vec<Disk>,
    pub nics: Vec<Nic>,
    pub checkpoints: Vec<Checkpoint>,
}

/// A disk in the VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    pub drive: Drive,
    /// What the wish calls it; none of one that is not in the VM's folder.
    pub name: Option<String>,
    /// Its files, the one that is written first; more than one only with checkpoints.
    pub files: Vec<Vhd>,
    /// The image that the last of them stands on.
    pub base: Option<String>,
}

impl Disk {
    /// As the guest sees it.
    pub fn bytes(&self) -> u64 {
        self.files.first().map_or(0, |file| file.bytes)
    }

    /// What its files take now.
    pub fn file_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.file_bytes).sum()
    }

    /// Whether it stands on a checkpoint, or on one whose files are not merged yet.
    pub fn is_layered(&self) -> bool {
        self.drive.path.to_lowercase().ends_with(".avhdx")
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nic {
    pub adapter: Adapter,
    pub vlan: Option<u16>,
}

impl Actual {
    pub fn disk(&self, name: &str) -> Option<&Disk> {
        self.disks.iter().find(|disk| disk.name.as_deref() == Some(name))
    }
}

/// All of the VM, which must be there.
pub async fn actual(cx: &Context, id: ResourceId) -> Result<Actual, Fault> {
    let vm = present(cx, id).await?;
    let checkpoints = cx.run(checkpoint::list(&vm.id)).await?;
    Ok(Actual { disks: disks(cx, id, &vm.id).await?, nics: nics(cx, &vm.id).await?, checkpoints, vm })
}

/// The disks in a VM; `vm` is how Hyper-V knows it.
pub async fn disks(cx: &Context, id: ResourceId, vm: &str) -> Result<Vec<Disk>, Fault> {
    let drives = cx.run(disk::list(vm)).await?;
    disks_of(cx, id, drives).await
}

/// What is in these drives of the VM, or of a checkpoint of it.
pub async fn disks_of(cx: &Context, id: ResourceId, drives: Vec<Drive>) -> Result<Vec<Disk>, Fault> {
    let folder = windows::vm_folder(&cx.settings.storage, id);
    let mut disks = Vec::new();
    for drive in drives {
        let mut files = Vec::new();
        let mut next = Some(drive.path.clone()).filter(|path| windows::is_below(path, &folder));
        while let Some(path) = next.take().filter(|_| files.len() < DEEPEST) {
            let Some(file) = cx.run(vhd::info(&path)).await? else { break };
            next = file.parent.clone().filter(|parent| windows::is_below(parent, &folder));
            files.push(file);
        }
        let last = files.last();
        let name = last.and_then(|file| name_of(&folder, &file.path));
        let base = last.and_then(|file| file.parent.clone());
        disks.push(Disk { drive, name, files, base });
    }
    Ok(disks)
}

/// What the wish calls the disk with this file.
pub fn name_of(folder: &str, path: &str) -> Option<String> {
    let name = path.get(folder.len() + 1..).filter(|_| windows::is_below(path, folder))?;
    let stem = name.strip_suffix(".vhdx").filter(|stem| !stem.contains(['\\', '.']))?;
    Some(stem.to_owned())
}

pub async fn nics(cx: &Context, vm: &str) -> Result<Vec<Nic>, Fault> {
    let mut nics = Vec::new();
    for adapter in cx.run(adapter::list(vm)).await? {
        let vlan = cx.run(adapter::vlan(vm, &adapter.id)).await?;
        nics.push(Nic { adapter, vlan });
    }
    Ok(nics)
}

/// The disks in the VM, none when it is absent.
pub async fn own_disks(cx: &Context, id: ResourceId) -> Result<Vec<Disk>, Fault> {
    match own(cx, id).await? {
        Some(found) => disks(cx, id, &found.id).await,
        None => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_the_name_of_its_file_in_the_vms_folder() {
        let folder = r"D:\drover\vms\7";
        assert_eq!(name_of(folder, r"D:\drover\vms\7\root.vhdx").as_deref(), Some("root"));
        for other in [r"D:\drover\vms\7\root.part.vhdx", r"D:\drover\vms\8\root.vhdx", r"D:\drover\vms\7\a\b.vhdx"] {
            assert_eq!(name_of(folder, other), None, "{other}");
        }
    }
}
