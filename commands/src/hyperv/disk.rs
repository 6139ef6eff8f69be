//! The disks that are in a VM: which file is in which slot.

use super::row::{number, text};
use super::{NO_QUESTION, acts, each, looks, of};
use cmdlets::Row;
use hosts::Command;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drive {
    /// Its file; with checkpoints the newest `.avhdx` above its disk.
    pub path: String,
    /// `SCSI`, `IDE`
    pub controller: String,
    pub controller_number: u32,
    pub location: u32,
}

pub(super) const PROPS: [&str; 4] = ["Path", "ControllerType", "ControllerNumber", "ControllerLocation"];

pub(super) fn read(row: &Row) -> Result<Drive, String> {
    Ok(Drive {
        path: text(row, "Path")?,
        controller: text(row, "ControllerType")?,
        controller_number: number(row, "ControllerNumber")?,
        location: number(row, "ControllerLocation")?,
    })
}

pub fn list(vm: &str) -> Command<Vec<Drive>> {
    looks(&of(vm).then("Get-VMHardDiskDrive", []).props(PROPS), |output| each(output, read))
}

pub fn add(vm: &str, path: &str, location: u32) -> Command<()> {
    let args = [
        ("ControllerType", "SCSI".into()),
        ("ControllerNumber", 0.into()),
        ("ControllerLocation", location.into()),
        ("Path", path.into()),
    ];
    acts(&of(vm).then("Add-VMHardDiskDrive", args))
}

/// Out of the VM; the file stays.
pub fn remove(vm: &str, path: &str) -> Command<()> {
    let request = of(vm).then("Get-VMHardDiskDrive", []).only("Path", path);
    acts(&request.then("Remove-VMHardDiskDrive", [NO_QUESTION]))
}
