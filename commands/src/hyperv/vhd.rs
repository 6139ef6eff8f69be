//! Virtual disks as files. Whether one is there, [`super::file::find`] tells: what is absent cannot be read.

use super::row::{boolean, number, some, text};
use super::{acts, first, long, looks};
use cmdlets::{Request, Row};
use hosts::Command;

pub const GB: u64 = 1 << 30;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vhd {
    pub path: String,
    /// As the guest sees it.
    pub bytes: u64,
    /// What the file takes now.
    pub file_bytes: u64,
    /// `Dynamic`, `Fixed`, `Differencing`
    pub kind: String,
    /// The file beneath it.
    pub parent: Option<String>,
    /// A VM that is on has it, or the host itself.
    pub attached: bool,
}

fn read(row: &Row) -> Result<Vhd, String> {
    Ok(Vhd {
        path: text(row, "Path")?,
        bytes: number(row, "Size")?,
        file_bytes: number(row, "FileSize")?,
        kind: text(row, "VhdType")?,
        parent: some(row, "ParentPath")?,
        attached: boolean(row, "Attached")?,
    })
}

pub fn info(path: &str) -> Command<Option<Vhd>> {
    let props = ["Path", "Size", "FileSize", "VhdType", "ParentPath", "Attached"];
    looks(&Request::call("Get-VHD", [("Path", path.into())]).props(props), |output| first(output, read))
}

pub fn make(path: &str, gb: u64) -> Command<()> {
    let args = [("Path", path.into()), ("SizeBytes", (gb * GB).into()), ("Dynamic", true.into())];
    long(acts(&Request::call("New-VHD", args)))
}

/// Holds only what differs from another, which may never change again.
pub fn make_on(path: &str, parent: &str) -> Command<()> {
    let args = [("Path", path.into()), ("ParentPath", parent.into()), ("Differencing", true.into())];
    acts(&Request::call("New-VHD", args))
}

/// One whole disk of all that a disk stands on.
pub fn flatten(from: &str, to: &str) -> Command<()> {
    let args = [("Path", from.into()), ("DestinationPath", to.into()), ("VHDType", "Dynamic".into())];
    long(acts(&Request::call("Convert-VHD", args)))
}

/// To exactly this size. It would shrink a disk too: look first.
pub fn resize(path: &str, gb: u64) -> Command<()> {
    let args = [("Path", path.into()), ("SizeBytes", (gb * GB).into())];
    long(acts(&Request::call("Resize-VHD", args)))
}

/// A copy has the identifier of what it was copied from.
pub fn reset_identifier(path: &str) -> Command<()> {
    let args = [("Path", path.into()), ("ResetDiskIdentifier", true.into()), ("Force", true.into())];
    acts(&Request::call("Set-VHD", args))
}

/// From the host itself, which had it mounted.
pub fn dismount(path: &str) -> Command<()> {
    acts(&Request::call("Dismount-VHD", [("Path", path.into())]))
}
