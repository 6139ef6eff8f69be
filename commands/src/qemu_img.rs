//! qemu-img: disks as files.

use hosts::{Command, Invocation, Output};
use serde::Deserialize;

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Disk {
    /// `qcow2`, `raw`
    pub format: String,
    #[serde(rename = "virtual-size")]
    pub bytes: u64,
    /// The file beneath an overlay.
    #[serde(rename = "full-backing-filename", default)]
    pub backing: Option<String>,
    /// Kept inside the file, by name.
    #[serde(default)]
    pub snapshots: Vec<Snapshot>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Snapshot {
    pub name: String,
}

pub const GB: u64 = 1 << 30;

/// What a disk is, also while a guest has it open; none when the file is absent.
pub fn info(path: &str) -> Command<Option<Disk>> {
    let invocation = Invocation::looks(["qemu-img", "info", "--force-share", "--output=json", path]).answers(&[0, 1]);
    Command { invocation, read: read_info }
}

fn read_info(output: &Output) -> Result<Option<Disk>, String> {
    if output.status == 1 {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return if stderr.contains("No such file or directory") { Ok(None) } else { Err(stderr.trim().to_owned()) };
    }
    serde_json::from_slice(&output.stdout).map(Some).map_err(|error| error.to_string())
}

/// An empty disk.
pub fn create(path: &str, gb: u64) -> Command<()> {
    Command::plain(Invocation::acts(["qemu-img", "create", "-q", "-f", "qcow2", path, &format!("{gb}G")]))
}

/// A disk that starts as an image and keeps only what differs from it.
pub fn create_overlay(path: &str, base: &str, base_format: &str, gb: u64) -> Command<()> {
    let size = format!("{gb}G");
    Command::plain(Invocation::acts([
        "qemu-img",
        "create",
        "-q",
        "-f",
        "qcow2",
        "-F",
        base_format,
        "-b",
        base,
        path,
        &size,
    ]))
}

/// Grows a disk that no guest has open.
pub fn grow(path: &str, gb: u64) -> Command<()> {
    Command::plain(Invocation::acts(["qemu-img", "resize", "-q", "-f", "qcow2", path, &format!("{gb}G")]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_answer_is_read() {
        let output = Output { stdout: include_bytes!("../golden/qemu-img-info.json").to_vec(), ..Output::default() };
        let disk = read_info(&output).unwrap().unwrap();
        assert_eq!((disk.format.as_str(), disk.bytes), ("qcow2", 2 * GB));
        assert!(disk.backing.unwrap().ends_with("base.qcow2"));
        let absent = b"qemu-img: Could not open '/x': Could not open '/x': No such file or directory\n".to_vec();
        assert_eq!(read_info(&Output { status: 1, stderr: absent, ..Output::default() }).unwrap(), None);
    }
}
