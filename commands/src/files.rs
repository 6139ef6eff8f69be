//! Debian's coreutils: what is there, and moving it.

use hosts::{Command, Invocation, Output};
use std::collections::BTreeSet;
use std::time::Duration;

/// Copying or reading an image of many gigabytes.
const LONG: Duration = Duration::from_secs(3600);

/// Whether a path is there.
pub fn exists(path: &str) -> Command<bool> {
    Command {
        invocation: Invocation::looks(["test", "-e", path]).answers(&[0, 1]),
        read: |output| Ok(output.status == 0),
    }
}

/// A folder that others may pass through, but not list: a guest's QEMU runs as a user of its own.
pub fn make_folder(path: &str) -> Command<()> {
    Command::plain(Invocation::acts(["mkdir", "-p", "-m", "0711", path]))
}

/// What is in a folder, or nothing when it is absent.
pub fn list(folder: &str) -> Command<Vec<String>> {
    let invocation = Invocation::looks(["ls", "-A", "-1", folder]).answers(&[0, 2]);
    let read = |output: &Output| {
        is_there(output)?;
        Ok(output.text().lines().map(str::to_owned).collect())
    };
    Command { invocation, read }
}

/// Something below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Below {
    /// From the folder on.
    pub path: String,
    pub is_folder: bool,
    /// What it takes up on the disk.
    pub bytes: u64,
}

/// All that is below a folder, so many levels deep; nothing when it is absent. What goes while it looks is left out.
pub fn tree(folder: &str, levels: u32) -> Command<Vec<Below>> {
    let argv = ["find", folder, "-mindepth", "1", "-maxdepth", &levels.to_string(), "-printf", "%y %b %P\\0"];
    Command { invocation: Invocation::looks(argv).answers(&[0, 1]).deadline(LONG), read: read_tree }
}

fn read_tree(output: &Output) -> Result<Vec<Below>, String> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    if let Some(line) = stderr.lines().find(|line| !line.contains("No such file or directory")) {
        return Err(line.to_owned());
    }
    let one = |row: &str| {
        let (kind, rest) = row.split_once(' ')?;
        let (blocks, path) = rest.split_once(' ')?;
        let bytes = blocks.parse::<u64>().ok()? * 512;
        Some(Below { path: path.to_owned(), is_folder: kind == "d", bytes })
    };
    let text = output.text();
    let rows = text.split('\0').filter(|row| !row.is_empty());
    rows.map(|row| one(row).ok_or_else(|| format!("{row:?} is no entry"))).collect()
}

/// Over what is there, in one step.
pub fn rename(from: &str, to: &str) -> Command<()> {
    Command::plain(Invocation::acts(["mv", "-f", from, to]))
}

/// A folder with all that is in it; what is absent is removed already.
pub fn remove_tree(path: &str) -> Command<()> {
    Command::plain(Invocation::acts(["rm", "-rf", "--", path]).deadline(LONG))
}

/// An empty folder; one that is not empty stays.
pub fn remove_folder(path: &str) -> Command<()> {
    Command::plain(Invocation::acts(["rmdir", "--ignore-fail-on-non-empty", "--", path]))
}

/// What was written to files and folders is on their disks when it returns.
pub fn sync(paths: &[String]) -> Command<()> {
    let argv = ["sync", "--"].into_iter().chain(paths.iter().map(String::as_str));
    Command::plain(Invocation::acts(argv).deadline(LONG))
}

/// A file's text; none when it is absent.
pub fn read(path: &str) -> Command<Option<String>> {
    let read = |output: &Output| is_there(output).map(|there| there.then(|| output.text()));
    Command { invocation: Invocation::looks(["cat", path]).answers(&[0, 1]), read }
}

/// An empty file, that says something by being there.
pub fn mark(path: &str) -> Command<()> {
    Command::plain(Invocation::acts(["touch", path]))
}

/// Shares blocks where the file system can.
pub fn copy(from: &str, to: &str) -> Command<()> {
    Command::plain(Invocation::acts(["cp", "--reflink=auto", "--sparse=always", from, to]).deadline(LONG))
}

/// A file's length in bytes; none when it is absent.
pub fn bytes(path: &str) -> Command<Option<u64>> {
    let read = |output: &Output| match is_there(output)? {
        true => output.text().trim().parse().map(Some).map_err(|_| "it is no number".to_owned()),
        false => Ok(None),
    };
    Command { invocation: Invocation::looks(["stat", "-L", "-c", "%s", path]).answers(&[0, 1]), read }
}

/// When a file was last written, as a word that is another one after the next write; none when it is absent.
pub fn modified(path: &str) -> Command<Option<String>> {
    let read = |output: &Output| is_there(output).map(|there| there.then(|| output.text().trim().to_owned()));
    Command { invocation: Invocation::looks(["stat", "-L", "-c", "%.Y", path]).answers(&[0, 1]), read }
}

/// The host's clock, in seconds since 1970.
pub fn clock() -> Command<i64> {
    let read = |output: &Output| output.text().trim().parse().map_err(|_| "it is no number".to_owned());
    Command { invocation: Invocation::looks(["date", "+%s"]), read }
}

/// The checksum of a file, 64 hexadecimal digits; none when it is absent.
pub fn sha256(path: &str) -> Command<Option<String>> {
    Command { invocation: Invocation::looks(["sha256sum", path]).answers(&[0, 1]).deadline(LONG), read: read_sha256 }
}

/// The checksums of those files that are there, each with its path.
pub fn digests(paths: &[&str]) -> Command<BTreeSet<(String, String)>> {
    let argv = ["sha256sum", "--"].into_iter().chain(paths.iter().copied());
    Command { invocation: Invocation::looks(argv).answers(&[0, 1]), read: read_digests }
}

/// Absent is what the program says is absent: what cannot be read may well be there.
fn is_there(output: &Output) -> Result<bool, String> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    match output.status {
        0 => Ok(true),
        _ if stderr.contains("No such file or directory") => Ok(false),
        _ => Err(stderr.trim().to_owned()),
    }
}

fn read_digests(output: &Output) -> Result<BTreeSet<(String, String)>, String> {
    let one = |line: &str| {
        let (sum, path) = line.split_once("  ").ok_or_else(|| format!("{line:?} is no checksum"))?;
        Ok((sum.to_owned(), path.to_owned()))
    };
    output.text().lines().map(one).collect()
}

fn read_sha256(output: &Output) -> Result<Option<String>, String> {
    if !is_there(output)? {
        return Ok(None);
    }
    match output.text().get(..64) {
        Some(sum) if sum.bytes().all(|byte| byte.is_ascii_hexdigit()) => Ok(Some(sum.to_owned())),
        _ => Err("there is no checksum in it".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails<T>(command: Command<T>, status: i32, stderr: &str) -> Result<T, String> {
        (command.read)(&Output { status, stdout: Vec::new(), stderr: stderr.into() })
    }

    #[test]
    fn only_what_is_said_to_be_absent_is_absent() {
        let absent = "No such file or directory\n";
        assert_eq!(fails(list("/b"), 2, absent), Ok(vec![]));
        assert_eq!(fails(bytes("/b"), 1, absent), Ok(None));
        assert_eq!(fails(sha256("/b"), 1, absent), Ok(None));
        assert_eq!(fails(modified("/b"), 1, absent), Ok(None));
        for why in ["Permission denied", "Not a directory", "Input/output error", "Stale file handle"] {
            assert_eq!(fails(list("/b"), 2, why), Err(why.to_owned()));
            assert_eq!(fails(bytes("/b"), 1, why), Err(why.to_owned()));
            assert_eq!(fails(sha256("/b"), 1, why), Err(why.to_owned()));
            assert_eq!(fails(read("/b"), 1, why), Err(why.to_owned()));
        }
    }

    #[test]
    fn a_tree_is_read() {
        let said = |stdout: &str, stderr: &str| Output { status: 1, stdout: stdout.into(), stderr: stderr.into() };
        let absent = "find: '/s/vms': No such file or directory\n";
        assert_eq!(read_tree(&said("", absent)), Ok(Vec::new()));
        let below = |path: &str, is_folder, bytes| Below { path: path.into(), is_folder, bytes };
        let found = read_tree(&said("d 8 7\0f 400 7/a b.qcow2\0", absent));
        assert_eq!(found, Ok(vec![below("7", true, 4096), below("7/a b.qcow2", false, 204_800)]));
        assert!(read_tree(&said("d 8 7\0", "find: '/s/vms/7': Permission denied\n")).is_err());
    }
}
