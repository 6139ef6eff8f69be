//! What is on the host, in words, to compare two runs by.

use super::disk::Disk;
use super::paths;
use super::state::{Hardware, State, Vlan, Vm};
use super::world::World;
use std::collections::BTreeMap;
use std::path::Path;

pub(super) fn words(world: &World) -> BTreeMap<String, String> {
    let mut words = BTreeMap::new();
    for vm in &world.state.vms {
        let snapshot = |id: &String| vm.snapshots.iter().find(|known| known.id == *id).map(|known| known.name.clone());
        let on = vm.parent.as_ref().and_then(snapshot).map(|name| format!(", on {name}")).unwrap_or_default();
        let busy = if world.state.merges(&vm.id) { ", merging" } else { "" };
        words.insert(format!("{}/power", vm.name), format!("{}{on}{busy}", vm.power.word()));
        words.insert(format!("{}/hardware", vm.name), hardware(vm, &vm.hardware));
        words.insert(format!("{}/settings", vm.name), format!("{}, {:?}, {}", vm.notes, vm.settings, vm.path));
        words.insert(
            format!("{}/guest", vm.name),
            if vm.told.is_some() { "has been told" } else { "knows nothing" }.into(),
        );
        for known in &vm.snapshots {
            let parent = known.parent.as_ref().and_then(snapshot).map(|name| format!(" on {name}")).unwrap_or_default();
            let memory = if known.has_memory { ", with memory" } else { "" };
            let word = format!("{}{parent}{memory}: {}", known.kind, hardware(vm, &known.hardware));
            insert(&mut words, format!("{}/snapshot {}", vm.name, known.name), word);
        }
    }
    for root in &world.state.roots {
        files(world, &paths::real(&world.root, root), &mut words);
    }
    for path in &world.state.mounted {
        words.insert(format!("mounted {}", path.replace('\\', "/")), "on the host".into());
    }
    words
}

fn insert(words: &mut BTreeMap<String, String>, key: String, word: String) {
    let mut at = key.clone();
    let mut count = 1;
    while words.contains_key(&at) {
        count += 1;
        at = format!("{key} ({count})");
    }
    words.insert(at, word);
}

/// Without the numbers that differ from run to run.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_guid = rest.len() >= 36
            && rest.is_char_boundary(36)
            && rest[..36].bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        plain.push_str(if is_guid { "GUID" } else { &rest[..first.len_utf8()] });
        rest = &rest[if is_guid { 36 } else { first.len_utf8() }..];
    }
    plain
}

fn files(world: &World, real: &Path, words: &mut BTreeMap<String, String>) {
    let shown = paths::shown(&world.root, real);
    if world.state.is_given(&shown) {
        return;
    }
    let key = plain(&shown.replace('\\', "/"));
    if real.is_dir() {
        let mut entries: Vec<_> = std::fs::read_dir(real).into_iter().flatten().flatten().map(|e| e.path()).collect();
        entries.sort();
        if entries.is_empty() {
            insert(words, format!("{key}/"), "empty folder".into());
        }
        return entries.iter().filter(|entry| !entry.ends_with("fences")).for_each(|entry| files(world, entry, words));
    }
    let bytes = std::fs::read(real).unwrap_or_default();
    let word = match Disk::of_bytes(&bytes) {
        Some(disk) => {
            let parent = disk.parent.map(|parent| format!(" on {}", plain(paths::name(&parent)))).unwrap_or_default();
            format!("{} of {} MB{parent} with {:?}", disk.kind, disk.size >> 20, disk.blocks)
        }
        None if key.to_lowercase().ends_with("vhdx") => format!("a broken disk of {} bytes", bytes.len()),
        None => "a file".into(),
    };
    insert(words, key, word);
}

fn hardware(vm: &Vm, hardware: &Hardware) -> String {
    let mut words = vec![format!("{} cpus", hardware.cpus), format!("{} MB", hardware.memory >> 20)];
    if hardware.dynamic {
        words.push("dynamic memory".into());
    }
    words.push(if hardware.secure_boot {
        format!("secure boot {}", hardware.template)
    } else {
        "no secure boot".into()
    });
    let mut drives = hardware.drives.clone();
    drives.sort_by_key(|drive| (drive.controller, drive.location));
    words.extend(drives.iter().map(|drive| {
        let path = plain(drive.path.as_deref().unwrap_or_default());
        format!("disk {}:{} {path}", drive.controller, drive.location)
    }));
    words.extend(hardware.dvds.iter().map(|dvd| {
        let path = dvd.path.as_deref().unwrap_or("empty");
        format!("dvd {}:{} {path}", dvd.controller, dvd.location)
    }));
    let mut adapters: Vec<_> = hardware
        .adapters
        .iter()
        .map(|adapter| {
            let vlan = match &adapter.vlan {
                Vlan::Untagged => "untagged".to_owned(),
                Vlan::Access(id) => format!("vlan {id}"),
                Vlan::Trunk { native, allowed } => format!("trunk {native} {allowed:?}"),
            };
            let mac = if adapter.is_static { &adapter.mac } else { "dynamic" };
            format!("nic {} {mac} on {:?}, {vlan}, {:?}", adapter.name, adapter.switch, adapter.settings)
        })
        .collect();
    adapters.sort();
    words.extend(adapters);
    let generation = format!("generation {}: ", vm.generation);
    generation + &words.join("; ")
}

impl State {
    /// The VM of exactly this name.
    pub fn named(&self, name: &str) -> Option<&Vm> {
        self.vms.iter().find(|vm| vm.name == name)
    }
}
