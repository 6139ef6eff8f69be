//! A VM's checkpoints: a tree.

use super::adapter::{self, Adapter};
use super::disk::{self, Drive};
use super::row::{number, some, text};
use super::vm::MB;
use super::{NO_QUESTION, acts, each, first, long, looks, of};
use cmdlets::{Request, Row};
use hosts::Command;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub id: String,
    pub name: String,
    pub parent: Option<String>,
    /// `Standard`, `Production`; `Recovery` of those that other programs make.
    pub kind: String,
    pub made_at: String,
}

fn read(row: &Row) -> Result<Checkpoint, String> {
    Ok(Checkpoint {
        id: text(row, "Id")?,
        name: text(row, "Name")?,
        parent: some(row, "ParentSnapshotId")?,
        kind: text(row, "SnapshotType")?,
        made_at: text(row, "CreationTime")?,
    })
}

pub fn list(vm: &str) -> Command<Vec<Checkpoint>> {
    let props = ["Id", "Name", "ParentSnapshotId", "SnapshotType", "CreationTime"];
    looks(&of(vm).then("Get-VMSnapshot", []).props(props), |output| each(output, read))
}

/// One checkpoint, to hand on.
fn one(vm: &str, id: &str) -> Request {
    of(vm).then("Get-VMSnapshot", []).only("Id", id)
}

/// Of the kind that the VM is set to. It is listed once it is whole.
pub fn take(vm: &str, name: &str) -> Command<()> {
    long(acts(&of(vm).then("Checkpoint-VM", [("SnapshotName", name.into())])))
}

/// The VM is off afterwards, or saved when the checkpoint holds its memory.
pub fn restore(vm: &str, id: &str) -> Command<()> {
    long(acts(&one(vm, id).then("Restore-VMSnapshot", [NO_QUESTION])))
}

/// What stood on it stands on what is beneath it. Its files are merged after this has returned.
pub fn remove(vm: &str, id: &str) -> Command<()> {
    long(acts(&one(vm, id).then("Remove-VMSnapshot", [NO_QUESTION])))
}

/// With all that came of it. Its files are merged after this has returned.
pub fn remove_tree(vm: &str, id: &str) -> Command<()> {
    long(acts(&one(vm, id).then("Remove-VMSnapshot", [("IncludeAllChildSnapshots", true.into()), NO_QUESTION])))
}

/// What the VM was when it was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hardware {
    pub cpu: u32,
    pub ram_mb: u64,
    /// It holds the guest's memory too.
    pub with_memory: bool,
}

pub fn hardware(vm: &str, id: &str) -> Command<Option<Hardware>> {
    let request = one(vm, id).props(["ProcessorCount", "MemoryStartup", "State"]);
    looks(&request, |output| {
        first(output, |row| {
            Ok(Hardware {
                cpu: number(row, "ProcessorCount")?,
                ram_mb: number::<u64>(row, "MemoryStartup")? / MB,
                with_memory: text(row, "State")? != "Off",
            })
        })
    })
}

/// The disks that were in the VM; what it has written since is in files on top of these.
pub fn disks(vm: &str, id: &str) -> Command<Vec<Drive>> {
    looks(&one(vm, id).then("Get-VMHardDiskDrive", []).props(disk::PROPS), |output| each(output, disk::read))
}

/// The adapters that were in the VM.
pub fn adapters(vm: &str, id: &str) -> Command<Vec<Adapter>> {
    looks(&one(vm, id).then("Get-VMNetworkAdapter", []).props(adapter::PROPS), |output| each(output, adapter::read))
}

/// The VLAN that an adapter was on.
pub fn vlan(vm: &str, id: &str, adapter: &str) -> Command<Option<u16>> {
    adapter::vlan_of(one(vm, id).then("Get-VMNetworkAdapter", []).only("Id", adapter))
}
