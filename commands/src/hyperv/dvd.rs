//! A VM's drives for discs.

use super::row::{number, some};
use super::{NO_QUESTION, acts, each, looks, of};
use cmdlets::Row;
use hosts::Command;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dvd {
    /// None when it is empty.
    pub path: Option<String>,
    pub location: u32,
}

fn read(row: &Row) -> Result<Dvd, String> {
    Ok(Dvd { path: some(row, "Path")?, location: number(row, "ControllerLocation")? })
}

pub fn list(vm: &str) -> Command<Vec<Dvd>> {
    let request = of(vm).then("Get-VMDvdDrive", []).props(["Path", "ControllerLocation"]);
    looks(&request, |output| each(output, read))
}

/// A drive with the disc in it.
pub fn add(vm: &str, disc: &str, location: u32) -> Command<()> {
    let args = [("ControllerNumber", 0.into()), ("ControllerLocation", location.into()), ("Path", disc.into())];
    acts(&of(vm).then("Add-VMDvdDrive", args))
}

/// The disc, and not the drive: that one can only be taken from a VM that is off.
pub fn eject(vm: &str, disc: &str) -> Command<()> {
    let request = of(vm).then("Get-VMDvdDrive", []).only("Path", disc);
    acts(&request.then("Set-VMDvdDrive", [("Path", serde_json::Value::Null)]))
}

/// The drive with whatever is in it.
pub fn remove(vm: &str, location: u32) -> Command<()> {
    let request = of(vm).then("Get-VMDvdDrive", []).only("ControllerLocation", location.to_string());
    acts(&request.then("Remove-VMDvdDrive", [NO_QUESTION]))
}
