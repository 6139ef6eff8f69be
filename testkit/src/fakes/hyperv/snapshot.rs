//! Checkpoints: a tree per VM, and a chain of `.avhdx` files under each disk.

use super::args::{Args, like};
use super::disk::Disk;
use super::object::Object;
use super::paths;
use super::state::{Answer, Deed, Drive, Hardware, Power, Snapshot, Task};
use super::vm::passed;
use super::world::World;
use super::wrong::{Wrong, failed, invalid, not_now, refuse};
use serde_json::json;
use std::collections::BTreeSet;

/// A new, empty disk on each of these, beside it; the drives are then on the new ones.
fn branch(world: &mut World, cmd: &str, drives: &[Drive]) -> Result<Vec<Drive>, Wrong> {
    let mut above = Vec::new();
    for drive in drives {
        let Some(path) = &drive.path else { continue };
        let below = world.disk(cmd, path)?;
        let stem = paths::name(path).split('.').next().unwrap_or_default().split("_drover-").next().unwrap_or_default();
        let stem = stem.split('_').next().unwrap_or(stem).to_owned();
        let id = world.state.guid().to_uppercase();
        let new = paths::join(paths::parent(path), &format!("{stem}_{id}.avhdx"));
        let disk = Disk {
            kind: "Differencing".into(),
            size: below.size,
            parent: Some(path.clone()),
            parent_identity: Some(below.identity),
            identity: world.state.guid(),
            blocks: Default::default(),
        };
        let real = world.real(&new)?;
        disk.write(&real).unwrap_or_else(|error| panic!("{new}: {error}"));
        above.push(Drive { path: Some(new), ..drive.clone() });
    }
    Ok(above)
}

pub(super) fn checkpoint(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let mut made = Vec::new();
    for id in world.vms(args, input, "Name")? {
        let vm = world.vm(&id).clone();
        let kind = vm.settings["CheckpointType"].as_str().unwrap_or_default().to_owned();
        let mute = world.state.guests.refuse_production || world.state.guests.are_mute;
        let has_memory = match (kind.as_str(), vm.power) {
            ("Disabled", _) => return not_now(args.cmd, "Checkpoints have been disabled for this virtual machine."),
            (_, Power::Off) => false,
            ("ProductionOnly", Power::Running) if mute => {
                return failed(args.cmd, "Production checkpoints cannot be created: the guest does not take part.");
            }
            ("Production" | "ProductionOnly", Power::Running) => mute,
            ("Standard" | "Production", Power::Saved | Power::Paused | Power::Running) => true,
            (_, power) => return not_now(args.cmd, format!("The VM is {}.", power.word())),
        };
        if world.state.merges(&id) {
            return not_now(args.cmd, "The disks are being merged.");
        }
        let above = branch(world, args.cmd, &vm.hardware.drives)?;
        let snapshot = Snapshot {
            id: world.state.guid(),
            name: args.text("SnapshotName").map_or_else(|| format!("{} - (1)", vm.name), str::to_owned),
            parent: vm.parent.clone(),
            kind: "Standard".into(),
            created_ms: world.state.clock_ms,
            has_memory,
            hardware: vm.hardware,
            told: vm.told,
        };
        made.push(Object::Snapshot { vm: id.clone(), id: snapshot.id.clone() });
        let vm = world.vm(&id);
        vm.parent = Some(snapshot.id.clone());
        vm.snapshots.push(snapshot);
        vm.hardware.drives = above;
    }
    passed(args, made)
}

/// The checkpoints that a call is about.
fn wanted(world: &World, args: &Args, input: Option<&Object>) -> Result<Vec<(String, String)>, Wrong> {
    if let Some(Object::Snapshot { vm, id }) = input {
        let there = world.state.vm(vm).is_some_and(|vm| vm.snapshots.iter().any(|known| known.id == *id));
        return if there { Ok(vec![(vm.clone(), id.clone())]) } else { invalid(args.cmd, "The checkpoint is gone.") };
    }
    if let Some(id) = args.text("Id") {
        let all = world.state.vms.iter().flat_map(|vm| vm.snapshots.iter().map(move |known| (&vm.id, &known.id)));
        let found = all.into_iter().find(|(_, known)| known.eq_ignore_ascii_case(id));
        return match found {
            Some((vm, id)) => Ok(vec![(vm.clone(), id.clone())]),
            None => invalid(args.cmd, format!("There is no checkpoint with id \"{id}\".")),
        };
    }
    let ids = world.vms(args, input, "VMName")?;
    let named = |name: &str| args.texts("Name").is_empty() || args.texts("Name").iter().any(|like_| like(like_, name));
    let kind = |kind: &str| args.text("SnapshotType").is_none_or(|wanted| wanted == kind);
    let all =
        ids.iter().filter_map(|id| world.state.vm(id)).flat_map(|vm| vm.snapshots.iter().map(move |known| (vm, known)));
    Ok(all
        .filter(|(_, known)| named(&known.name) && kind(&known.kind))
        .map(|(vm, known)| (vm.id.clone(), known.id.clone()))
        .collect())
}

pub(super) fn get(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let found = wanted(world, args, input)?;
    Ok(found.into_iter().map(|(vm, id)| Object::Snapshot { vm, id }).collect())
}

pub(super) fn remove(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    if args.value("Confirm") != Some(&json!(false)) {
        return refuse("Remove-VMSnapshot without -Confirm:$false");
    }
    for (vm_id, id) in wanted(world, args, input)? {
        let vm = world.vm(&vm_id);
        let mut going = BTreeSet::from([id.clone()]);
        if args.flag("IncludeAllChildSnapshots") {
            while let Some(child) = vm.snapshots.iter().find(|known| {
                !going.contains(&known.id) && known.parent.as_ref().is_some_and(|parent| going.contains(parent))
            }) {
                going.insert(child.id.clone());
            }
        }
        let mut gone = Vec::new();
        for id in &going {
            let Some(at) = vm.snapshots.iter().position(|known| known.id == *id) else { continue };
            let snapshot = vm.snapshots.remove(at);
            // Those above it stand on what it stood on.
            for other in vm.snapshots.iter_mut().filter(|other| other.parent.as_ref() == Some(id)) {
                other.parent.clone_from(&snapshot.parent);
            }
            if vm.parent.as_ref() == Some(id) {
                vm.parent = snapshot.parent;
            }
            gone.extend(snapshot.hardware.drives);
        }
        let at_ms = world.state.clock_ms + world.state.pace.merge_ms;
        world.state.tasks.push(Task { at_ms, job: None, deed: Deed::Merge { vm: vm_id, gone } });
    }
    Ok(Vec::new())
}

pub(super) fn restore(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    if args.value("Confirm") != Some(&json!(false)) {
        return refuse("Restore-VMSnapshot without -Confirm:$false");
    }
    for (vm_id, id) in wanted(world, args, input)? {
        if world.state.merges(&vm_id) {
            return not_now(args.cmd, "The disks are being merged.");
        }
        let vm = world.vm(&vm_id).clone();
        let Some(snapshot) = vm.snapshots.iter().find(|known| known.id == id).cloned() else { continue };
        // What was written since is thrown away with its files.
        for path in vm.hardware.drives.iter().filter_map(|drive| drive.path.as_deref()) {
            let kept = vm.snapshots.iter().any(|other| names(&other.hardware, path));
            if !kept && path.to_lowercase().ends_with(".avhdx") {
                let _ = std::fs::remove_file(paths::real(&world.root, path));
            }
        }
        let above = branch(world, args.cmd, &snapshot.hardware.drives)?;
        let vm = world.vm(&vm_id);
        vm.hardware = Hardware { drives: above, ..snapshot.hardware };
        vm.parent = Some(snapshot.id);
        vm.told = snapshot.told;
        (vm.power, vm.is_up) = (if snapshot.has_memory { Power::Saved } else { Power::Off }, snapshot.has_memory);
    }
    Ok(Vec::new())
}

fn names(hardware: &Hardware, path: &str) -> bool {
    hardware.drives.iter().any(|drive| drive.path.as_deref().is_some_and(|known| paths::same(known, path)))
}

/// What no checkpoint needs any more is merged: a disk that only one stands on takes in what that one holds, and one that
/// nobody has any more is removed.
pub(super) fn merge(world: &mut World, vm: &str, gone: &[Drive]) {
    let files = files(world, vm, gone);
    loop {
        let needed: Vec<String> = match world.state.vm(vm) {
            Some(vm) => {
                let kept = vm.snapshots.iter().flat_map(|snapshot| &snapshot.hardware.drives);
                vm.hardware.drives.iter().chain(kept).filter_map(|drive| drive.path.clone()).collect()
            }
            // Of a VM that was removed the newest disks stay.
            None => Vec::new(),
        };
        let there: Vec<String> =
            files.iter().filter(|path| paths::real(&world.root, path).is_file()).cloned().collect();
        let above = |path: &str| {
            let stands = |other: &&String| world.chain(other).get(1).is_some_and(|parent| paths::same(parent, path));
            there.iter().filter(stands).cloned().collect::<Vec<_>>()
        };
        let is_needed = |path: &str| needed.iter().any(|known| paths::same(known, path));
        let step = there.iter().filter(|path| !is_needed(path)).find_map(|path| {
            let above = above(path);
            match above.as_slice() {
                [one] => Some((path.clone(), Some(one.clone()))),
                [] if path.to_lowercase().ends_with(".avhdx") && world.state.vm(vm).is_some() => {
                    Some((path.clone(), None))
                }
                _ => None,
            }
        });
        match step {
            None => break,
            Some((path, None)) => drop(std::fs::remove_file(paths::real(&world.root, &path))),
            Some((path, Some(above))) => absorb(world, vm, &path, &above, &there),
        }
    }
}

/// All disks of the VM, those of checkpoints that are gone and all that any of them stands on.
fn files(world: &World, vm: &str, gone: &[Drive]) -> Vec<String> {
    let known = world.state.vm(vm).into_iter().flat_map(|vm| {
        vm.hardware.drives.iter().chain(vm.snapshots.iter().flat_map(|snapshot| &snapshot.hardware.drives))
    });
    let tops = known.chain(gone).filter_map(|drive| drive.path.as_deref());
    let mut files: Vec<String> = Vec::new();
    for path in tops.flat_map(|top| world.chain(top)) {
        // An image that others stand on too is nobody's to merge into.
        let base = world.state.is_given(&path) || paths::parent(&path).to_lowercase().ends_with(r"\images");
        if !base && !files.iter().any(|known| paths::same(known, &path)) {
            files.push(path);
        }
    }
    files
}

fn absorb(world: &mut World, vm: &str, path: &str, above: &str, all: &[String]) {
    let (Ok(mut below), Ok(top)) = (world.disk("merge", path), world.disk("merge", above)) else { return };
    below.blocks.extend(top.blocks);
    below.size = top.size;
    world.keep(path, &below);
    // Those on the merged disk are now on this one.
    for other in all {
        if let Ok(mut disk) = world.disk("merge", other)
            && disk.parent.as_deref().is_some_and(|parent| paths::same(parent, above))
        {
            (disk.parent, disk.parent_identity) = (Some(path.to_owned()), Some(below.identity.clone()));
            world.keep(other, &disk);
        }
    }
    let _ = std::fs::remove_file(paths::real(&world.root, above));
    if let Some(vm) = world.state.vms.iter_mut().find(|known| known.id == vm) {
        let kept = vm.snapshots.iter_mut().flat_map(|snapshot| &mut snapshot.hardware.drives);
        for drive in vm.hardware.drives.iter_mut().chain(kept) {
            if drive.path.as_deref().is_some_and(|known| paths::same(known, above)) {
                drive.path = Some(path.to_owned());
            }
        }
    }
}
