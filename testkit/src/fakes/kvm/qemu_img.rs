//! Disks as files. A qcow2 file is its header: what is in it is nobody's concern here.

use super::files::Wrong;
use super::inner;
use super::state::{Answer, Refused, State, refused};
use hosts::Effect::{self, Acts, Looks};
use serde_json::json;

const MAGIC: &[u8] = b"QFI\xfb";
const HEADER: usize = 104;
const GB: u64 = 1 << 30;

/// The bytes of an empty qcow2 file, such as an image.
pub fn qcow2(gb: u64) -> Vec<u8> {
    write(&Disk { bytes: gb * GB, backing: None })
}

/// A qcow2 file of a size in bytes, on top of another one.
pub(super) fn made(bytes: u64, base: Option<&str>) -> Vec<u8> {
    write(&Disk { bytes, backing: base.map(|base| (base.to_owned(), "qcow2".to_owned())) })
}

struct Disk {
    bytes: u64,
    /// Path and format.
    backing: Option<(String, String)>,
}

fn write(disk: &Disk) -> Vec<u8> {
    let mut header = vec![0; HEADER];
    header[..4].copy_from_slice(MAGIC);
    header[7] = 3;
    header[23] = 16;
    header[24..32].copy_from_slice(&disk.bytes.to_be_bytes());
    header[103] = HEADER as u8;
    if let Some((path, format)) = &disk.backing {
        header[15] = HEADER as u8;
        header[16..20].copy_from_slice(&(path.len() as u32).to_be_bytes());
        header.extend(path.bytes());
        header.extend(format.bytes());
    }
    header
}

/// None when the file is no qcow2: then it is raw.
fn read(bytes: &[u8]) -> Option<Disk> {
    let number = |at: usize, length: usize| {
        bytes.get(at..at + length).map(|bytes| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    };
    if !bytes.starts_with(MAGIC) {
        return None;
    }
    let bytes_of_disk = number(24, 8)?;
    let length = number(16, 4)? as usize;
    let text = String::from_utf8_lossy(bytes.get(HEADER..)?).into_owned();
    let backing = (length > 0).then(|| (text[..length].to_owned(), text[length..].to_owned()));
    Some(Disk { bytes: bytes_of_disk, backing })
}

/// The file that a disk is an overlay of.
pub(super) fn backing(bytes: &[u8]) -> Option<String> {
    read(bytes)?.backing.map(|(path, _)| path)
}

/// Sets a disk's size; false when it is no qcow2.
pub(super) fn resize(bytes: &mut Vec<u8>, to: u64) -> bool {
    let Some(disk) = read(bytes) else { return false };
    *bytes = write(&Disk { bytes: to, ..disk });
    true
}

/// The size of a disk in bytes, as a guest sees it.
pub(super) fn virtual_size(bytes: &[u8]) -> u64 {
    // A raw file has whole sectors.
    read(bytes).map_or((bytes.len() as u64).div_ceil(512) * 512, |disk| disk.bytes)
}

pub(super) fn size(text: &str) -> u64 {
    let gb = text.strip_suffix('G').and_then(|gb| gb.parse::<u64>().ok()).map(|gb| gb * GB);
    let bytes = gb.or_else(|| text.parse().ok());
    bytes.unwrap_or_else(|| panic!("a size such as {text} is not simulated"))
}

pub(super) fn answer(state: &mut State, argv: &[&str]) -> Option<(Effect, Answer)> {
    Some(match argv {
        ["info", "--force-share", "--output=json", path] => (Looks, info(state, path)),
        ["create", "-q", "-f", "qcow2", path, gb] => (Acts, create(state, path, gb, None)),
        ["create", "-q", "-f", "qcow2", "-F", format, "-b", base, path, gb] => {
            (Acts, create(state, path, gb, Some((*base, *format))))
        }
        ["convert", "-f", format, "-O", "raw", path, to] => (Acts, import(state, format, path, to)),
        ["convert", "-q", "-O", "qcow2", options @ .., from, to] => (Acts, convert(state, options, from, to)),
        ["rebase", "-q", "-u", "-f", "qcow2", "-F", "qcow2", "-b", base, path] => (Acts, rebase(state, base, path)),
        ["bitmap", "--remove", "-f", "qcow2", path, name] => (Acts, no_bitmap(path, name)),
        ["check", "-f", "qcow2", path] => (Looks, check(state, path)),
        ["resize", "-q", "-f", "qcow2", path, gb] => (Acts, grow(state, path, gb)),
        _ => return inner::answer(state, argv),
    })
}

pub(super) fn unopened(path: &str, wrong: Wrong) -> Refused {
    let text = match wrong {
        Wrong::Folder => {
            format!("qemu-img: Could not open '{path}': 'file' driver requires '{path}' to be a regular file\n")
        }
        wrong => format!("qemu-img: Could not open '{path}': Could not open '{path}': {}\n", wrong.text()),
    };
    Refused { status: 1, stderr: text }
}

pub(super) fn locked(path: &str) -> Refused {
    let text = "Failed to get \"write\" lock\nIs another process using the image";
    Refused { status: 1, stderr: format!("qemu-img: Could not open '{path}': {text} [{path}]?\n") }
}

fn info(state: &State, path: &str) -> Answer {
    let file = state.files.read(path).map_err(|wrong| unopened(path, wrong))?;
    let format = if file.bytes.starts_with(MAGIC) { "qcow2" } else { "raw" };
    let mut answer = json!({
        "virtual-size": virtual_size(&file.bytes), "filename": path, "format": format,
        "actual-size": (file.bytes.len() as u64).div_ceil(4096) * 4096, "dirty-flag": false,
    });
    if format == "qcow2" {
        answer["cluster-size"] = json!(65536);
        answer["format-specific"] = json!({ "type": "qcow2", "data": {
            "compat": "1.1", "compression-type": "zlib", "lazy-refcounts": false, "refcount-bits": 16, "corrupt": false,
            "extended-l2": false,
        }});
    }
    if let Some((base, format)) = read(&file.bytes).and_then(|disk| disk.backing) {
        answer["backing-filename"] = json!(base);
        answer["full-backing-filename"] = json!(base);
        answer["backing-filename-format"] = json!(format);
    }
    let snapshots = state.domains.values().flat_map(|domain| &domain.snapshots).filter(|snapshot| snapshot.is_in(path));
    let names = snapshots.map(|snapshot| snapshot.name.as_str()).chain(inner::names(state, path));
    let snapshots: Vec<_> = names.map(|name| json!({ "name": name })).collect();
    if !snapshots.is_empty() {
        answer["snapshots"] = json!(snapshots);
    }
    Ok(format!("{answer:#}\n"))
}

fn create(state: &mut State, path: &str, gb: &str, base: Option<(&str, &str)>) -> Answer {
    if state.is_open(path) {
        return refused(
            1,
            format!("qemu-img: {path}: Failed to get \"write\" lock\nIs another process using the image [{path}]?\n"),
        );
    }
    let disk = Disk { bytes: size(gb), backing: base.map(|(path, format)| (path.to_owned(), format.to_owned())) };
    if let Some((base, format)) = base {
        let unusable = |why: String| refused(1, format!("qemu-img: {path}: {why}\nCould not open backing image.\n"));
        match state.files.read(base) {
            Err(wrong) => return unusable(format!("Could not open '{base}': {}", wrong.text())),
            Ok(file) if format == "qcow2" && read(&file.bytes).is_none() => {
                return unusable("Image is not in qcow2 format".into());
            }
            Ok(_) => {}
        }
    }
    match state.files.write(path, write(&disk), 0o644) {
        Ok(()) => Ok(String::new()),
        Err(wrong) => refused(1, format!("qemu-img: {path}: Could not create '{path}': {}\n", wrong.text())),
    }
}

/// Into a new image of the host's Ceph cluster.
fn import(state: &mut State, format: &str, path: &str, to: &str) -> Answer {
    let image = to.strip_prefix("rbd:").and_then(|to| to.strip_suffix(":id=drover:conf=/etc/ceph/ceph.conf"));
    let image = image.unwrap_or_else(|| panic!("converting to {to} is not simulated"));
    let file = state.files.read(path).map_err(|wrong| unopened(path, wrong))?;
    if format == "qcow2" && read(&file.bytes).is_none() {
        return refused(1, format!("qemu-img: Could not open '{path}': Image is not in qcow2 format\n"));
    }
    let bytes = virtual_size(&file.bytes);
    let cluster = state.ceph.as_ref().unwrap_or_else(|| panic!("this host has no Ceph cluster"));
    if !cluster.state().import(image, bytes) {
        return refused(1, format!("qemu-img: {to}: error while converting raw: error rbd create: File exists\n"));
    }
    Ok(String::new())
}

/// What a name in a disk's header means.
fn beside(path: &str, base: &str) -> String {
    if base.starts_with('/') {
        return base.to_owned();
    }
    let mut folders: Vec<&str> = path.split('/').collect();
    folders.pop();
    for part in base.split('/') {
        match part {
            ".." => drop(folders.pop()),
            part => folders.push(part),
        }
    }
    folders.join("/")
}

fn convert(state: &mut State, options: &[&str], from: &str, to: &str) -> Answer {
    let base = options.windows(2).find(|pair| pair[0] == "-B").map(|pair| pair[1]);
    let source = state.files.read(from).map_err(|wrong| unopened(from, wrong))?;
    if state.is_open(from) && !options.contains(&"-U") {
        return Err(locked(from));
    }
    let size = virtual_size(&source.bytes);
    for base in read(&source.bytes)
        .and_then(|disk| disk.backing)
        .map(|(base, _)| beside(from, &base))
        .into_iter()
        .chain(base.map(|base| beside(to, base)))
    {
        state.files.read(&base).map_err(|wrong| unopened(from, wrong))?;
    }
    match state.files.write(to, made(size, base), 0o644) {
        Ok(()) => Ok(String::new()),
        Err(wrong) => refused(
            1,
            format!("qemu-img: {to}: error while converting qcow2: Could not create '{to}': {}\n", wrong.text()),
        ),
    }
}

fn rebase(state: &mut State, base: &str, path: &str) -> Answer {
    let file = state.files.read(path).map_err(|wrong| unopened(path, wrong))?;
    let bytes = made(virtual_size(&file.bytes), Some(base).filter(|base| !base.is_empty()));
    if let Some(file) = state.files.read_mut(path) {
        file.bytes = bytes;
    }
    Ok(String::new())
}

/// Bitmaps are the domain's here, not in its files.
fn no_bitmap(path: &str, name: &str) -> Answer {
    refused(1, format!("qemu-img: Operation remove on bitmap {name} failed: Bitmap '{name}' not found in '{path}'\n"))
}

fn check(state: &State, path: &str) -> Answer {
    state.files.read(path).map_err(|wrong| unopened(path, wrong))?;
    Ok("No errors were found on the image.\n".into())
}

const SHRINKS: &str = "qemu-img: Use the --shrink option to perform a shrink operation.\nqemu-img: warning: Shrinking an image \
will delete all data beyond the shrunken image's end. Before performing such an operation, make sure there is no important \
data there.\n";

fn grow(state: &mut State, path: &str, gb: &str) -> Answer {
    let to = size(gb);
    let file = state.files.read(path).map_err(|wrong| unopened(path, wrong))?;
    if state.is_open(path) {
        return Err(locked(path));
    }
    if read(&file.bytes).is_none() {
        return refused(1, format!("qemu-img: Could not open '{path}': Image is not in qcow2 format\n"));
    }
    if to < virtual_size(&file.bytes) {
        return refused(1, SHRINKS);
    }
    if let Some(file) = state.files.read_mut(path) {
        resize(&mut file.bytes, to);
    }
    Ok(String::new())
}
