//! Files and folders on a Windows host. A path is walked from the root of its drive or share by exact names, so that what is
//! absent is an empty answer and no error.

use super::row::{boolean, number, text};
use super::{NO_QUESTION, acts, each, first, long, looks};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cmdlets::{Request, Row, Step};
use hosts::Command;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: String,
    pub name: String,
    pub is_folder: bool,
}

const PROPS: [&str; 3] = ["FullName", "Name", "PSIsContainer"];

fn read(row: &Row) -> Result<File, String> {
    Ok(File { path: text(row, "FullName")?, name: text(row, "Name")?, is_folder: boolean(row, "PSIsContainer")? })
}

/// `D:\`, or `\\server\share\`, and the names below it.
fn split(path: &str) -> (String, Vec<&str>) {
    let path = path.trim_end_matches('\\');
    if let Some(rest) = path.strip_prefix(r"\\") {
        let mut names = rest.split('\\');
        let (server, share) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
        return (format!(r"\\{server}\{share}\"), names.collect());
    }
    let mut names = path.split('\\');
    (format!(r"{}\", names.next().unwrap_or_default()), names.collect())
}

/// One file or folder, to hand on.
fn one(path: &str) -> Request {
    let (root, names) = split(path);
    let mut request = Request::default();
    for (index, name) in names.into_iter().enumerate() {
        let all = ("Force", true.into());
        request = match index {
            0 => request.then("Get-ChildItem", [("LiteralPath", root.as_str().into()), all]),
            _ => request.then("Get-ChildItem", [all]),
        };
        request = request.only("Name", name);
    }
    request
}

pub fn find(path: &str) -> Command<Option<File>> {
    looks(&one(path).props(PROPS), |output| first(output, read))
}

/// What is in a folder; nothing when it is absent.
pub fn list(folder: &str) -> Command<Vec<File>> {
    let request = one(folder).then("Get-ChildItem", [("Force", true.into())]);
    looks(&request.props(PROPS), |output| each(output, read))
}

/// A file below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Below {
    /// The whole path.
    pub path: String,
    pub bytes: u64,
}

/// Every file below a folder, however deep; nothing when it is absent.
pub fn tree(folder: &str) -> Command<Vec<Below>> {
    let args = [("Recurse", true.into()), ("Force", true.into()), ("File", true.into())];
    let request = one(folder).then("Get-ChildItem", args).props(["FullName", "Length"]);
    looks(&request, |output| {
        each(output, |row| Ok(Below { path: text(row, "FullName")?, bytes: number(row, "Length")? }))
    })
}

/// When a folder was last given or rid of an entry, by the host's clock; none when it is absent.
pub fn changed_at(path: &str) -> Command<Option<String>> {
    looks(&one(path).props(["LastWriteTimeUtc"]), |output| first(output, |row| text(row, "LastWriteTimeUtc")))
}

/// What is in a file; none when it is absent.
pub fn content(path: &str) -> Command<Option<Vec<u8>>> {
    let request = Request { steps: vec![Step::Get { path: path.to_owned() }], ..Request::default() };
    looks(&request.props(["Base64"]), |output| {
        first(output, |row| STANDARD.decode(text(row, "Base64")?).map_err(|error| error.to_string()))
    })
}

/// All that was written to the drive that a path is on is on its disk when this returns.
pub fn flush(path: &str) -> Command<()> {
    let drive = path.get(..1).unwrap_or_default();
    long(acts(&Request::call("Write-VolumeCache", [("DriveLetter", drive.into())])))
}

/// With those above it; one that is there stays.
pub fn make_folder(path: &str) -> Command<()> {
    let args = [("ItemType", "Directory".into()), ("Path", path.into()), ("Force", true.into())];
    acts(&Request::call("New-Item", args))
}

pub fn copy(from: &str, to: &str) -> Command<()> {
    let args = [("LiteralPath", from.into()), ("Destination", to.into()), ("Force", true.into())];
    long(acts(&Request::call("Copy-Item", args)))
}

/// On the same drive.
pub fn rename(from: &str, to: &str) -> Command<()> {
    acts(&Request::call("Move-Item", [("LiteralPath", from.into()), ("Destination", to.into())]))
}

/// In lower case.
pub fn sha256(path: &str) -> Command<Option<String>> {
    let args = [("LiteralPath", path.into()), ("Algorithm", "SHA256".into())];
    let request = Request::call("Get-FileHash", args).props(["Hash"]);
    long(looks(&request, |output| first(output, |row| Ok(text(row, "Hash")?.to_lowercase()))))
}

/// A folder with all that is in it; a caller says no path of which drover has not made every file.
pub fn remove_tree(path: &str) -> Command<()> {
    let args = [("LiteralPath", path.into()), ("Recurse", true.into()), ("Force", true.into()), NO_QUESTION];
    long(acts(&Request::call("Remove-Item", args)))
}

/// What is free on the drive that a path is on, in bytes.
pub fn room(path: &str) -> Command<Option<u64>> {
    let request = Request::call("Get-Volume", [("FilePath", path.into())]).props(["SizeRemaining"]);
    looks(&request, |output| first(output, |row| number(row, "SizeRemaining")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_walked_from_its_root_by_exact_names() {
        assert_eq!(split(r"D:\drover\vms\7"), (r"D:\".to_owned(), vec!["drover", "vms", "7"]));
        assert_eq!(split(r"\\files\images\win[1].vhdx"), (r"\\files\images\".to_owned(), vec!["win[1].vhdx"]));
    }
}
