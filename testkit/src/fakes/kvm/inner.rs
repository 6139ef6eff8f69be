//! Snapshots inside single disks: by `qemu-img snapshot` of one that no guest has open, by QEMU's monitor of one that a guest
//! has.

use super::domain::{self, Domain};
use super::state::{Answer, Refused, State, refused};
use super::{network, qemu_img};
use hosts::Effect::{self, Acts, Looks};
use serde_json::{Value, json};

/// Of one file; gone with it.
#[derive(Clone, Debug)]
pub(super) struct Inner {
    path: String,
    name: String,
    bytes: Vec<u8>,
}

/// The names of a disk's own.
pub(super) fn names<'a>(state: &'a State, path: &'a str) -> impl Iterator<Item = &'a str> {
    let own = state.inner.iter().filter(move |inner| inner.path == path && state.files.exists(path));
    own.map(|inner| inner.name.as_str())
}

/// Every one, as `path@name`.
pub(super) fn words(state: &State) -> Vec<(String, String)> {
    let there = state.inner.iter().filter(|inner| state.files.exists(&inner.path));
    there
        .map(|inner| {
            (format!("{}@{}", inner.path, inner.name), format!("{} bytes", qemu_img::virtual_size(&inner.bytes)))
        })
        .collect()
}

/// A second one of the same name is another one, of which nobody here knows anything: who takes it ends the test.
fn take(state: &mut State, path: &str, name: &str) {
    assert!(names(state, path).all(|taken| taken != name), "{path} has a snapshot {name} already");
    if let Ok(file) = state.files.read(path) {
        let bytes = file.bytes.clone();
        state.inner.push(Inner { path: path.to_owned(), name: name.to_owned(), bytes });
    }
}

fn position(state: &State, path: &str, name: &str) -> Option<usize> {
    state.inner.iter().position(|inner| inner.path == path && inner.name == name)
}

// --- qemu-img -------------------------------------------------------------------------------------------------------

pub(super) fn answer(state: &mut State, argv: &[&str]) -> Option<(Effect, Answer)> {
    let ["snapshot", what, name, path] = argv else { return None };
    Some((Acts, of_file(state, what, name, path)))
}

fn of_file(state: &mut State, what: &str, name: &str, path: &str) -> Answer {
    state.files.read(path).map_err(|wrong| qemu_img::unopened(path, wrong))?;
    if state.is_open(path) {
        return Err(qemu_img::locked(path));
    }
    let at = position(state, path, name);
    let absent = |done: &str| refused(1, format!("qemu-img: Could not {done} '{name}': snapshot not found\n"));
    match (what, at) {
        ("-c", _) => take(state, path, name),
        ("-a", None) => return absent("apply snapshot"),
        ("-d", None) => return absent("delete snapshot"),
        ("-a", Some(at)) => {
            let bytes = state.inner[at].bytes.clone();
            if let Some(file) = state.files.read_mut(path) {
                file.bytes = bytes;
            }
        }
        ("-d", Some(at)) => drop(state.inner.remove(at)),
        (other, _) => panic!("qemu-img snapshot {other} is not simulated"),
    }
    Ok(String::new())
}

// --- QEMU's monitor -------------------------------------------------------------------------------------------------

/// What QEMU calls a guest's disks: its files and names, in libvirt's order.
fn nodes(domain: &Domain) -> Vec<(String, String)> {
    let disks: Vec<_> = domain.live.iter().flat_map(domain::disks).collect();
    let file = |disk: &super::xml::Node| match network::image(disk) {
        Some(image) => {
            format!("json:{{\"driver\": \"raw\", \"file\": {{\"driver\": \"rbd\", \"image\": \"{image}\"}}}}")
        }
        None => disk.of("source", "file").unwrap_or_default().to_owned(),
    };
    let count = disks.len();
    let one = |(index, disk)| (file(disk), format!("libvirt-{}-format", count - index));
    disks.into_iter().enumerate().map(one).collect()
}

pub(super) fn monitor(state: &mut State, name: &str, ask: &str) -> (Effect, Answer) {
    let ask: Value = serde_json::from_str(ask).unwrap_or_else(|error| panic!("the monitor is asked {ask}: {error}"));
    let execute = ask["execute"].as_str().unwrap_or_default();
    let effect = if execute.starts_with("query-") { Looks } else { Acts };
    (effect, asked(state, name, execute, &ask["arguments"]))
}

fn asked(state: &mut State, name: &str, execute: &str, arguments: &Value) -> Result<String, Refused> {
    let domain = state.domain(name)?;
    if domain.live.is_none() {
        return refused(1, "error: Requested operation is not valid: domain is not running\n");
    }
    let nodes = nodes(domain);
    if execute == "query-block" {
        let one =
            |(file, node): &(String, String)| json!({ "device": "", "inserted": { "file": file, "node-name": node } });
        return Ok(format!("{}\n", json!({ "return": nodes.iter().map(one).collect::<Vec<_>>(), "id": "libvirt-1" })));
    }
    let of = |field: &str| arguments[field].as_str().unwrap_or_default().to_owned();
    let (node, snapshot) = (of("device"), of("name"));
    let wrong = |desc: String| {
        Ok(format!("{}\n", json!({ "id": "libvirt-1", "error": { "class": "GenericError", "desc": desc } })))
    };
    let Some((path, _)) = nodes.into_iter().find(|(_, own)| *own == node) else {
        return wrong(format!("Cannot find device='' nor node-name='{node}'"));
    };
    match (execute, position(state, &path, &snapshot)) {
        ("blockdev-snapshot-internal-sync", Some(_)) => {
            return wrong(format!("Snapshot with name '{snapshot}' already exists on device '{node}'"));
        }
        ("blockdev-snapshot-internal-sync", None) => take(state, &path, &snapshot),
        ("blockdev-snapshot-delete-internal-sync", None) => {
            let what = "Snapshot with id 'null' and name";
            return wrong(format!("{what} '{snapshot}' does not exist on device '{node}'"));
        }
        ("blockdev-snapshot-delete-internal-sync", Some(at)) => drop(state.inner.remove(at)),
        (other, _) => panic!("the monitor's {other} is not simulated"),
    }
    Ok("{\"return\":{},\"id\":\"libvirt-1\"}\n".to_owned())
}
