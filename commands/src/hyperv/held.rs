//! Files that the VMs of a host have in their drives, whosever they are.

use super::row::{some, text};
use super::{each, looks};
use cmdlets::{Request, Row};
use hosts::Command;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The VM's identifier.
    pub vm: String,
    pub vm_name: String,
    /// Empty when nothing is in the drive.
    pub path: String,
}

fn read(row: &Row) -> Result<Held, String> {
    let path = some(row, "Path")?.unwrap_or_default();
    Ok(Held { vm: text(row, "VMId")?, vm_name: text(row, "VMName")?, path })
}

fn all(drives: Request) -> Command<Vec<Held>> {
    looks(&drives.props(["VMId", "VMName", "Path"]), |output| each(output, read))
}

pub fn disks() -> Command<Vec<Held>> {
    all(Request::call("Get-VM", []).then("Get-VMHardDiskDrive", []))
}

/// Those that VMs go back to with one of their checkpoints.
pub fn checkpoint_disks() -> Command<Vec<Held>> {
    all(Request::call("Get-VM", []).then("Get-VMSnapshot", []).then("Get-VMHardDiskDrive", []))
}

pub fn discs() -> Command<Vec<Held>> {
    all(Request::call("Get-VM", []).then("Get-VMDvdDrive", []))
}
