//! Exports: a folder per VM with three folders below it.

use super::args::Args;
use super::disk::Disk;
use super::object::Object;
use super::paths;
use super::state::{Answer, Vm};
use super::world::World;
use super::wrong::{Wrong, failed, not_now, refuse, vm_error};
use std::fs;

const FOLDERS: [&str; 3] = ["Snapshots", "Virtual Hard Disks", "Virtual Machines"];

/// What is there as soon as an export begins: it stays when the export does not end.
pub(super) fn begin(world: &mut World, args: &Args, input: Option<&Object>) -> Result<(), Wrong> {
    let Some(path) = args.text("Path") else { return refuse("Export-VM without -Path") };
    for id in world.vms(args, input, "Name")? {
        let vm = world.vm(&id).clone();
        if world.state.merges(&id) {
            return not_now(args.cmd, "The disks are being merged.");
        }
        let folder = paths::join(path, &vm.name);
        if world.real(&folder)?.exists() {
            return vm_error(args.cmd, "ObjectAlreadyExists", "ResourceExists", format!("'{folder}' already exists."));
        }
        for name in FOLDERS {
            let below = paths::join(&folder, name);
            let real = world.real(&below)?;
            fs::create_dir_all(real).unwrap_or_else(|error| panic!("{below}: {error}"));
        }
        let file = paths::join(&paths::join(&folder, FOLDERS[2]), &format!("{}.vmcx", vm.id.to_uppercase()));
        world.fill(args.cmd, &file, b"begun")?;
    }
    Ok(())
}

fn disks(vm: &Vm, world: &World) -> Vec<String> {
    let kept = vm.snapshots.iter().flat_map(|snapshot| &snapshot.hardware.drives);
    let tops = vm.hardware.drives.iter().chain(kept).filter_map(|drive| drive.path.as_deref());
    let mut disks: Vec<String> = Vec::new();
    for path in tops.flat_map(|top| world.chain(top)) {
        if !disks.iter().any(|known| paths::same(known, &path)) {
            disks.push(path);
        }
    }
    disks
}

pub(super) fn export(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    if !args.has("AsJob") {
        begin(world, args, input)?;
    }
    let path = args.text("Path").unwrap_or_default().to_owned();
    for id in world.vms(args, input, "Name")? {
        let vm = world.vm(&id).clone();
        let mute = world.state.guests.are_mute || world.state.guests.refuse_production;
        if vm.runs() && mute && args.text("CaptureLiveState") == Some("CaptureDataConsistentState") {
            return failed(args.cmd, "The guest does not take part in a data-consistent capture.");
        }
        let folder = paths::join(&path, &vm.name);
        let configuration = serde_json::to_vec(&vm).expect("a VM is JSON");
        for (extension, bytes) in [("vmcx", configuration.as_slice()), ("vmrs", b"runtime state")] {
            let file = format!("{}.{extension}", vm.id.to_uppercase());
            world.fill(args.cmd, &paths::join(&paths::join(&folder, FOLDERS[2]), &file), bytes)?;
        }
        for disk in disks(&vm, world) {
            let bytes = fs::read(paths::real(&world.root, &disk));
            let Ok(mut bytes) = bytes else { return failed(args.cmd, format!("'{disk}' cannot be read.")) };
            // What stood on another disk stands on that one's copy, wherever the folder is moved to.
            if let Some(mut copy) = Disk::of_bytes(&bytes)
                && let Some(parent) = copy.parent.take()
            {
                copy.parent = Some(paths::name(&parent).to_owned());
                bytes = copy.bytes();
            }
            world.fill(args.cmd, &paths::join(&paths::join(&folder, FOLDERS[1]), paths::name(&disk)), &bytes)?;
        }
    }
    Ok(Vec::new())
}
