//! qemu-img: disks as files.

use hosts::{Command, Invocation, Output};
use model::server::CephSettings;
use serde::Deserialize;
use std::time::Duration;

/// Reading or writing a disk of many gigabytes.
const LONG: Duration = Duration::from_secs(24 * 3600);

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
    #[serde(rename = "format-specific", default)]
    specific: Specific,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Snapshot {
    pub name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Specific {
    #[serde(default)]
    data: Data,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Data {
    #[serde(default)]
    bitmaps: Vec<Bitmap>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Bitmap {
    name: String,
}

impl Disk {
    /// Whether the file has a dirty bitmap of this name.
    pub fn has_bitmap(&self, name: &str) -> bool {
        self.specific.data.bitmaps.iter().any(|bitmap| bitmap.name == name)
    }
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

/// An empty disk, in bytes.
pub fn create_bytes(path: &str, bytes: u64) -> Command<()> {
    Command::plain(Invocation::acts(["qemu-img", "create", "-q", "-f", "qcow2", path, &bytes.to_string()]))
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

/// Into a new image of a Ceph pool, `pool/image`.
pub fn import(path: &str, format: &str, image: &str, ceph: &CephSettings) -> Command<()> {
    let to = format!("rbd:{image}:id={}:conf={}", ceph.user, ceph.conf);
    Command::plain(Invocation::acts(["qemu-img", "convert", "-f", format, "-O", "raw", path, &to]).deadline(LONG))
}

/// Grows a disk that no guest has open.
pub fn grow(path: &str, gb: u64) -> Command<()> {
    Command::plain(Invocation::acts(["qemu-img", "resize", "-q", "-f", "qcow2", path, &format!("{gb}G")]))
}

/// What a copy is beside its bytes.
#[derive(Clone, Debug, Default)]
pub struct Copy<'a> {
    pub from: &'a str,
    pub to: &'a str,
    /// A file beneath the copy, named from the copy's folder: it then keeps what `from` itself holds, and no more.
    pub base: Option<&'a str>,
    pub compressed: bool,
    /// Whether a guest may have `from` open.
    pub shared: bool,
    /// At most so many MiB a second; 0 is no limit.
    pub mb_a_second: u32,
}

/// Copies a disk, with all that is beneath it or on top of a base of its own.
pub fn convert(copy: &Copy<'_>) -> Command<()> {
    let mut argv: Vec<String> = ["qemu-img", "convert", "-q", "-O", "qcow2"].map(str::to_owned).into();
    let mut more = |words: &[&str]| argv.extend(words.iter().map(|word| (*word).to_owned()));
    if copy.compressed {
        more(&["-c", "-o", "compression_type=zstd"]);
    }
    if copy.shared {
        more(&["-U"]);
    }
    if let Some(base) = copy.base {
        more(&["-B", base, "-F", "qcow2"]);
    }
    if copy.mb_a_second > 0 {
        more(&["-r", &format!("{}M", copy.mb_a_second)]);
    }
    more(&[copy.from, copy.to]);
    Command::plain(Invocation::acts(argv).deadline(LONG))
}

/// Names what is beneath a disk, without a look at it; an empty name is nothing.
pub fn rebase(path: &str, base: &str) -> Command<()> {
    Command::plain(Invocation::acts(["qemu-img", "rebase", "-q", "-u", "-f", "qcow2", "-F", "qcow2", "-b", base, path]))
}

/// Takes a dirty bitmap out of a disk that no guest has open.
pub fn remove_bitmap(path: &str, name: &str) -> Command<()> {
    Command::plain(Invocation::acts(["qemu-img", "bitmap", "--remove", "-f", "qcow2", path, name]))
}

/// Inside a disk that no guest has open; a second one of the same name is another one.
pub fn take_snapshot(path: &str, name: &str) -> Command<()> {
    Command::plain(Invocation::acts(["qemu-img", "snapshot", "-c", name, path]))
}

/// The disk is as it was, and as large.
pub fn roll_back(path: &str, name: &str) -> Command<()> {
    Command::plain(Invocation::acts(["qemu-img", "snapshot", "-a", name, path]).deadline(LONG))
}

pub fn remove_snapshot(path: &str, name: &str) -> Command<()> {
    Command::plain(Invocation::acts(["qemu-img", "snapshot", "-d", name, path]).deadline(LONG))
}

/// What is wrong inside a file; none when nothing is.
pub fn check(path: &str) -> Command<Option<String>> {
    // 2: damaged, 3: space is lost and nothing else.
    let read = |output: &Output| {
        let said = || format!("{}{}", output.text(), String::from_utf8_lossy(&output.stderr)).trim().to_owned();
        Ok((![0, 3].contains(&output.status)).then(said))
    };
    let argv = ["qemu-img", "check", "-f", "qcow2", path];
    Command { invocation: Invocation::looks(argv).answers(&[0, 1, 2, 3]).deadline(LONG), read }
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
