//! Hard disks and DVD drives of a VM, all on SCSI controllers.

use super::args::Args;
use super::object::{Object, find};
use super::state::{Answer, Drive};
use super::vm::passed;
use super::world::World;
use super::wrong::{Wrong, failed, invalid, not_now, refuse};
use serde_json::{Value, json};

/// Where on which VM.
type Place = (String, u64, u64);

fn places(world: &World, args: &Args, input: Option<&Object>, dvd: bool) -> Result<Vec<Place>, Wrong> {
    match (input, dvd) {
        (Some(Object::HardDisk { vm, snapshot: None, controller, location }), false)
        | (Some(Object::Dvd { vm, controller, location }), true) => {
            let there = world.state.vm(vm).map(|vm| if dvd { &vm.hardware.dvds } else { &vm.hardware.drives });
            if there.is_some_and(|drives| find(drives, *controller, *location).is_some()) {
                Ok(vec![(vm.clone(), *controller, *location)])
            } else {
                invalid(args.cmd, "The drive has been removed.")
            }
        }
        (input, dvd) => {
            if args.text("ControllerType").is_some_and(|kind| kind != "SCSI") {
                return refuse("a VM of generation 2 has SCSI controllers only");
            }
            let (number, location) = (args.number("ControllerNumber"), args.number("ControllerLocation"));
            let mut found = Vec::new();
            for vm in world.vms(args, input, "VMName")?.iter().filter_map(|id| world.state.vm(id)) {
                let drives = if dvd { &vm.hardware.dvds } else { &vm.hardware.drives };
                for drive in drives {
                    if number.is_none_or(|n| n == drive.controller) && location.is_none_or(|l| l == drive.location) {
                        found.push((vm.id.clone(), drive.controller, drive.location));
                    }
                }
            }
            Ok(found)
        }
    }
}

/// The wanted place, or the first that is free.
fn free(world: &mut World, args: &Args, vm: &str) -> Result<(u64, u64), Wrong> {
    let hardware = &world.vm(vm).hardware;
    let taken: Vec<_> =
        hardware.drives.iter().chain(&hardware.dvds).map(|drive| (drive.controller, drive.location)).collect();
    let controller = args.number("ControllerNumber").unwrap_or(0);
    if controller > 0 {
        return invalid(args.cmd, format!("The VM has no SCSI controller {controller}."));
    }
    match args.number("ControllerLocation") {
        Some(location) if location > 63 => invalid(args.cmd, "A SCSI controller has 64 places."),
        Some(location) if taken.contains(&(controller, location)) => {
            failed(args.cmd, format!("Location {location} of SCSI controller {controller} is in use."))
        }
        Some(location) => Ok((controller, location)),
        None => match (0..64).find(|location| !taken.contains(&(controller, *location))) {
            Some(location) => Ok((controller, location)),
            None => failed(args.cmd, "There is no place left."),
        },
    }
}

pub(super) fn get_disk(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    if let Some(Object::Snapshot { vm, id }) = input {
        let kept = world.state.vm(vm).and_then(|vm| vm.then(Some(id))).map(|hardware| hardware.drives.as_slice());
        let object = |drive: &Drive| disk(vm, Some(id), (drive.controller, drive.location));
        return Ok(kept.unwrap_or_default().iter().map(object).collect());
    }
    let found = places(world, args, input, false)?;
    Ok(found.into_iter().map(|(vm, controller, location)| disk(&vm, None, (controller, location))).collect())
}

fn disk(vm: &str, snapshot: Option<&String>, (controller, location): (u64, u64)) -> Object {
    Object::HardDisk { vm: vm.to_owned(), snapshot: snapshot.cloned(), controller, location }
}

pub(super) fn add_disk(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let Some(path) = args.text("Path") else { return refuse("Add-VMHardDiskDrive without -Path") };
    if args.text("ControllerType") == Some("IDE") {
        return invalid(args.cmd, "A VM of generation 2 has no IDE controller.");
    }
    let mut made = Vec::new();
    for vm in world.vms(args, input, "VMName")? {
        world.usable(args.cmd, path, None)?;
        let (controller, location) = free(world, args, &vm)?;
        world.vm(&vm).hardware.drives.push(Drive { controller, location, path: Some(path.to_owned()) });
        made.push(disk(&vm, None, (controller, location)));
    }
    passed(args, made)
}

pub(super) fn remove_disk(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    if args.value("Confirm") != Some(&json!(false)) {
        return refuse("Remove-VMHardDiskDrive without -Confirm:$false");
    }
    for (id, controller, location) in places(world, args, input, false)? {
        if world.state.merges(&id) {
            return not_now(args.cmd, "The disks are being merged.");
        }
        let vm = world.vm(&id);
        vm.hardware.drives.retain(|drive| (drive.controller, drive.location) != (controller, location));
    }
    Ok(Vec::new())
}

pub(super) fn get_dvd(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let found = places(world, args, input, true)?;
    Ok(found.into_iter().map(|(vm, controller, location)| Object::Dvd { vm, controller, location }).collect())
}

fn disc(world: &World, args: &Args) -> Result<Option<String>, Wrong> {
    match args.value("Path") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(path)) if world.readable(path)?.is_file() => Ok(Some(path.clone())),
        Some(path) => failed(args.cmd, format!("{path}: The system cannot find the file specified.")),
    }
}

pub(super) fn add_dvd(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let path = disc(world, args)?;
    let mut made = Vec::new();
    for vm in world.vms(args, input, "VMName")? {
        // A drive is not plugged in while the guest runs; a disc is put in at any time.
        world.off(args.cmd, &vm)?;
        let (controller, location) = free(world, args, &vm)?;
        world.vm(&vm).hardware.dvds.push(Drive { controller, location, path: path.clone() });
        made.push(Object::Dvd { vm, controller, location });
    }
    passed(args, made)
}

pub(super) fn set_dvd(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    if !args.has("Path") {
        return refuse("Set-VMDvdDrive without -Path");
    }
    let path = disc(world, args)?;
    for (id, controller, location) in places(world, args, input, true)? {
        for drive in &mut world.vm(&id).hardware.dvds {
            if (drive.controller, drive.location) == (controller, location) {
                drive.path.clone_from(&path);
            }
        }
    }
    Ok(Vec::new())
}

pub(super) fn remove_dvd(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    for (id, controller, location) in places(world, args, input, true)? {
        let hardware = world.off(args.cmd, &id)?;
        hardware.dvds.retain(|drive| (drive.controller, drive.location) != (controller, location));
    }
    Ok(Vec::new())
}
