//! Disks as files: what they stand on, made, grown, mounted.

use super::args::Args;
use super::disk::Disk;
use super::object::{Object, Still};
use super::paths;
use super::state::{Answer, Vm};
use super::world::World;
use super::wrong::{Wrong, failed, in_use, invalid, not_now, refuse, vm_error};
use serde_json::{Value, json};

impl World {
    /// The disk of a file, which is one.
    pub fn disk(&self, cmd: &str, path: &str) -> Result<Disk, Wrong> {
        let real = self.readable(path)?;
        if !real.is_file() {
            return vm_error(
                cmd,
                "ObjectNotFound",
                "ObjectNotFound",
                format!("'{path}': The system cannot find the file."),
            );
        }
        match Disk::read(&real).unwrap_or_else(|error| panic!("{path}: {error}")) {
            Some(disk) => Ok(disk),
            None => {
                vm_error(cmd, "InvalidFormat", "InvalidData", format!("'{path}': The file or directory is corrupted."))
            }
        }
    }

    pub fn keep(&self, path: &str, disk: &Disk) {
        let real = paths::real(&self.root, path);
        disk.write(&real).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// The file and all that it stands on, as far as it is there.
    pub fn chain(&self, path: &str) -> Vec<String> {
        let mut chain = vec![path.to_owned()];
        let below = |path: &String| {
            let disk = Disk::read(&paths::real(&self.root, path)).ok().flatten()?;
            disk.parent.map(|parent| beside(path, parent))
        };
        while let Some(parent) = chain.last().and_then(below) {
            if chain.iter().any(|known| paths::same(known, &parent)) {
                break;
            }
            chain.push(parent);
        }
        chain
    }

    /// Whether a VM can have this disk: it is whole, on what it was made on, and nobody else has it.
    pub fn usable(&self, cmd: &str, path: &str, vm: Option<&str>) -> Result<(), Wrong> {
        let mut at = path.to_owned();
        loop {
            let disk = self.disk(cmd, &at)?;
            let Some(parent) = disk.parent.map(|parent| beside(&at, parent)) else { break };
            let below = self.disk(cmd, &parent);
            if !below.is_ok_and(|below| disk.parent_identity.as_ref() == Some(&below.identity)) {
                let text = format!("'{at}': The chain of virtual hard disks is corrupted.");
                return vm_error(cmd, "InvalidChain", "InvalidData", text);
            }
            at = parent;
        }
        let has = |other: &Vm| {
            let drives = other.hardware.drives.iter().filter_map(|drive| drive.path.as_deref());
            drives.clone().any(|known| paths::same(known, path))
        };
        let others = self.state.vms.iter().filter(|other| Some(other.id.as_str()) != vm);
        // Two VMs that are off may name one disk: the second to be started is refused.
        if others.clone().any(|other| other.runs() && has(other))
            || self.state.mounted.iter().any(|m| paths::same(m, path))
        {
            return in_use(cmd, path);
        }
        // Attached twice to one VM it is an error at once.
        if vm.is_none() && others.into_iter().any(has) {
            return failed(cmd, format!("The disk '{path}' is already connected to a virtual machine."));
        }
        Ok(())
    }

    /// A VM that runs on this disk, or on one that stands on it.
    fn user(&self, path: &str) -> Option<&Vm> {
        self.state.vms.iter().filter(|vm| vm.runs()).find(|vm| {
            let drives = vm.hardware.drives.iter().filter_map(|drive| drive.path.as_deref());
            drives.flat_map(|drive| self.chain(drive)).any(|known| paths::same(&known, path))
        })
    }
}

/// A parent that is only named is beside the disk that stands on it.
fn beside(path: &str, parent: String) -> String {
    if parent.contains('\\') { parent } else { paths::join(paths::parent(path), &parent) }
}

fn targets(args: &Args, input: Option<&Object>, world: &World) -> Result<Vec<String>, Wrong> {
    match input {
        None => Ok(args.texts("Path")),
        Some(object @ (Object::HardDisk { .. } | Object::Still { kind: Still::Vhd | Still::Hash, .. })) => {
            let row = object.row(&world.state).unwrap_or_default();
            Ok(row.get("Path").and_then(Value::as_str).map(str::to_owned).into_iter().collect())
        }
        Some(other) => refuse(format!("{} takes no {other:?} from the pipeline", args.cmd)),
    }
}

fn object(world: &World, path: &str, disk: &Disk) -> Object {
    let mounted = world.state.mounted.iter().position(|mounted| paths::same(mounted, path));
    let bytes = paths::real(&world.root, path).metadata().map_or(0, |file| file.len());
    Object::still(
        Still::Vhd,
        json!({
            "Path": path, "VhdFormat": "VHDX", "VhdType": disk.kind, "FileSize": bytes, "Size": disk.size,
            // The end of the last partition.
            "MinimumSize": if disk.blocks.is_empty() { Value::Null } else { json!(disk.size.min(1 << 30)) },
            "LogicalSectorSize": 512, "PhysicalSectorSize": 4096, "BlockSize": 33_554_432,
            "ParentPath": disk.parent.clone().map(|parent| beside(path, parent)).unwrap_or_default(), "DiskIdentifier": disk.identity,
            "Attached": mounted.is_some() || world.user(path).is_some(), "DiskNumber": mounted.map(|at| at + 1),
        }),
    )
}

pub(super) fn get(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let mut found = Vec::new();
    for path in targets(args, input, world)? {
        let disk = world.disk(args.cmd, &path)?;
        found.push(object(world, &path, &disk));
    }
    Ok(found)
}

pub(super) fn new(world: &mut World, args: &Args, _: Option<&Object>) -> Answer {
    let parent = args.text("ParentPath");
    let mut made = Vec::new();
    for path in args.texts("Path") {
        if !path.to_lowercase().ends_with(".vhdx") {
            return invalid(args.cmd, format!("'{path}': the name of a disk ends in .vhdx here."));
        }
        if world.real(&path)?.exists() {
            return vm_error(args.cmd, "ObjectAlreadyExists", "ResourceExists", format!("'{path}': The file exists."));
        }
        let below = parent.map(|parent| world.disk(args.cmd, parent)).transpose()?;
        let size = args.number("SizeBytes").or(below.as_ref().map(|below| below.size));
        let Some(size) = size else { return refuse("New-VHD without -SizeBytes") };
        if !(3 << 20..=64 << 40).contains(&size) {
            return invalid(args.cmd, "The size of a disk is 3 MB to 64 TB.");
        }
        let kind = match (&below, args.flag("Fixed")) {
            (Some(_), _) => "Differencing",
            (None, true) => "Fixed",
            (None, false) => "Dynamic",
        };
        let disk = Disk {
            kind: kind.into(),
            size,
            parent: parent.map(str::to_owned),
            parent_identity: below.map(|below| below.identity),
            identity: world.state.guid(),
            blocks: Default::default(),
        };
        world.fill(args.cmd, &path, &disk.bytes())?;
        made.push(object(world, &path, &disk));
    }
    Ok(made)
}

pub(super) fn set(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    if !args.flag("ResetDiskIdentifier") {
        return refuse("Set-VHD: only -ResetDiskIdentifier is simulated");
    }
    if !args.flag("Force") {
        return refuse("Set-VHD -ResetDiskIdentifier without -Force asks");
    }
    for path in targets(args, input, world)? {
        let mut disk = world.disk(args.cmd, &path)?;
        world.real(&path)?;
        if world.opened(&path, true) {
            return in_use(args.cmd, &path);
        }
        if world.state.is_given(&path) {
            return refuse(format!("{path} was there before: it may not change"));
        }
        disk.identity = world.state.guid();
        world.keep(&path, &disk);
    }
    Ok(Vec::new())
}

pub(super) fn resize(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let Some(size) = args.number("SizeBytes") else { return refuse("Resize-VHD without -SizeBytes") };
    for path in targets(args, input, world)? {
        let mut disk = world.disk(args.cmd, &path)?;
        world.real(&path)?;
        if world.state.is_given(&path) {
            return refuse(format!("{path} was there before: it may not change"));
        }
        let stands_on = |vm: &Vm| {
            let kept = vm.snapshots.iter().flat_map(|snapshot| &snapshot.hardware.drives);
            let tops = vm.hardware.drives.iter().chain(kept).filter_map(|drive| drive.path.as_deref());
            let is_layered = !vm.snapshots.is_empty() || world.state.merges(&vm.id);
            is_layered && tops.flat_map(|top| world.chain(top)).any(|known| paths::same(&known, &path))
        };
        if world.state.vms.iter().any(stands_on) {
            return not_now(
                args.cmd,
                "The disk cannot be resized while the VM has checkpoints or its disks are merged.",
            );
        }
        if size < disk.size {
            return refuse(format!("{path} would shrink from {} to {size}", disk.size));
        }
        if world.state.mounted.iter().any(|mounted| paths::same(mounted, &path)) {
            return in_use(args.cmd, &path);
        }
        disk.size = size;
        world.keep(&path, &disk);
    }
    Ok(Vec::new())
}

pub(super) fn dismount(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    for path in targets(args, input, world)? {
        world.disk(args.cmd, &path)?;
        let Some(at) = world.state.mounted.iter().position(|mounted| paths::same(mounted, &path)) else {
            return failed(args.cmd, format!("'{path}' is not attached."));
        };
        world.state.mounted.remove(at);
    }
    Ok(Vec::new())
}

pub(super) fn convert(world: &mut World, args: &Args, _: Option<&Object>) -> Answer {
    let (Some(from), Some(to)) = (args.text("Path"), args.text("DestinationPath")) else {
        return refuse("Convert-VHD without -DestinationPath");
    };
    let top = world.disk(args.cmd, from)?;
    if world.opened(from, true) {
        return in_use(args.cmd, from);
    }
    if world.real(to)?.exists() {
        return vm_error(args.cmd, "ObjectAlreadyExists", "ResourceExists", format!("'{to}': The file exists."));
    }
    let mut blocks = std::collections::BTreeMap::new();
    for path in world.chain(from).iter().rev() {
        blocks.extend(world.disk(args.cmd, path)?.blocks);
    }
    let kind = args.text("VHDType").unwrap_or("Dynamic").to_owned();
    let identity = world.state.guid();
    let whole = Disk { kind, size: top.size, parent: None, parent_identity: None, identity, blocks };
    world.fill(args.cmd, to, &whole.bytes())?;
    Ok(Vec::new())
}
