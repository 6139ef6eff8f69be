//! Files and folders: real ones below the host's folder, with the rules of Windows.

use super::args::Args;
use super::object::{Object, Still};
use super::paths;
use super::state::{Answer, Deed, State};
use super::world::World;
use super::wrong::{Wrong, absent, disk_full, file_error, in_use, refuse};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

impl World {
    /// The real file of a path, below one of the folders that drivers may touch.
    pub fn real(&self, path: &str) -> Result<PathBuf, Wrong> {
        paths::check(path).or_else(refuse)?;
        if !self.state.roots.iter().any(|root| paths::is_below(path, root)) {
            return refuse(format!("{path} is outside {}", self.state.roots.join(", ")));
        }
        Ok(paths::real(&self.root, path))
    }

    /// The same of a path that is only read: what was there before may be, too.
    pub fn readable(&self, path: &str) -> Result<PathBuf, Wrong> {
        // And the folders on the way to either.
        let mut known = self.state.given.iter().chain(&self.state.roots);
        if self.state.given.iter().any(|given| paths::is_below(path, given))
            || known.any(|known| paths::is_below(known, path))
        {
            paths::check(path).or_else(refuse)?;
            return Ok(paths::real(&self.root, path));
        }
        self.real(path)
    }

    fn changeable(&self, path: &str) -> Result<PathBuf, Wrong> {
        let real = self.real(path)?;
        match self.state.given.iter().find(|given| paths::is_below(given, path)) {
            Some(given) => refuse(format!("{path} would take {given}, which was there before")),
            None => Ok(real),
        }
    }

    /// Bytes that the volume of this path can still take.
    pub fn free(&self, path: &str) -> u64 {
        let letter = path.chars().next().unwrap_or('D').to_ascii_uppercase();
        let size = self.state.volumes.iter().find(|volume| volume.letter == letter).map_or(0, |volume| volume.size);
        size.saturating_sub(used(&self.root.join(letter.to_string())))
    }

    /// Who has this file, or one below this folder, open: running VMs, the host itself, work in the background, locks.
    pub fn opened(&self, path: &str, to_change: bool) -> bool {
        let below = |open: &str| paths::is_below(open, path);
        let of_vm = |open: &super::state::Vm| {
            let drives = open.hardware.drives.iter().filter_map(|drive| drive.path.as_deref());
            let discs = open.hardware.dvds.iter().filter_map(|drive| drive.path.as_deref());
            // What a disk stands on is open too, for reading.
            let under = drives.clone().flat_map(|drive| self.chain(drive).into_iter().skip(1));
            drives.clone().any(below)
                || to_change && (discs.clone().any(below) || under.clone().any(|path| below(&path)))
        };
        let running = self.state.vms.iter().any(|vm| vm.runs() && of_vm(vm));
        // Of what is being exported now.
        let copied = self.state.tasks.iter().filter_map(|task| match &task.deed {
            Deed::Call { cmd, args, .. } if cmd == "Export-VM" => args.get("Path").and_then(Value::as_str),
            _ => None,
        });
        let exporting = to_change && copied.into_iter().any(|folder| paths::is_below(path, folder));
        let merging = self.state.vms.iter().any(|vm| self.state.merges(&vm.id) && of_vm(vm));
        running || merging || exporting || self.state.mounted.iter().any(|open| below(open)) || self.is_locked(path)
    }

    /// A copy or a new file of these bytes: as many of them as there is room for.
    pub fn fill(&mut self, cmd: &str, path: &str, bytes: &[u8]) -> Result<(), Wrong> {
        let real = self.changeable(path)?;
        let Some(folder) = real.parent().filter(|folder| folder.is_dir()) else {
            let kind = ("NotSpecified", "System.IO.DirectoryNotFoundException");
            return file_error(cmd, "DirectoryNotFound", kind, format!("Could not find a part of the path '{path}'."));
        };
        if real.is_dir() {
            let kind = ("PermissionDenied", "System.UnauthorizedAccessException");
            return file_error(cmd, "UnauthorizedAccess", kind, format!("Access to the path '{path}' is denied."));
        }
        if self.opened(path, true) {
            return in_use(cmd, path);
        }
        let room = self.free(path) + real.metadata().map_or(0, |there| there.len());
        let enough = bytes.len() as u64 <= room && !self.is_full;
        let bytes = if enough { bytes } else { &bytes[..(bytes.len() / 2).min(room as usize)] };
        fs::write(&real, bytes).unwrap_or_else(|error| panic!("{} in {}: {error}", path, folder.display()));
        if enough { Ok(()) } else { disk_full(cmd) }
    }

    /// A whole file, and the folders above it.
    pub fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), Wrong> {
        let folder = self.real(paths::parent(path))?;
        fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{path}: {error}"));
        self.fill("put", path, bytes)
    }

    fn file(&self, real: &Path) -> Object {
        let path = paths::shown(&self.root, real);
        let name = paths::name(&path).to_owned();
        let folder = real.is_dir();
        let extension = name.rfind('.').filter(|_| !folder).map_or("", |dot| &name[dot..]).to_owned();
        let length = if folder { Value::Null } else { json!(real.metadata().map_or(0, |file| file.len())) };
        let row = json!({ "Name": name, "FullName": path, "PSIsContainer": folder, "Length": length, "Exists": true,
            "Extension": extension, "DirectoryName": paths::parent(&path), "LastWriteTimeUtc": changed_at(real) });
        Object::still(Still::File, row)
    }
}

fn used(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| if entry.path().is_dir() { used(&entry.path()) } else { entry.metadata().map_or(0, |m| m.len()) })
        .sum()
}

/// The paths that a cmdlet is told of, or that come down the pipeline.
fn targets(args: &Args, input: Option<&Object>) -> Result<Vec<String>, Wrong> {
    match input {
        None => Ok(args.texts("LiteralPath")),
        Some(Object::Still { kind: Still::File, row }) => Ok(vec![row["FullName"].as_str().unwrap_or_default().into()]),
        Some(Object::Still { kind: Still::Hash | Still::Vhd, row }) => {
            Ok(vec![row["Path"].as_str().unwrap_or_default().into()])
        }
        Some(Object::HardDisk { .. } | Object::Dvd { .. }) => refuse("a drive is no file: its path goes by name"),
        Some(other) => refuse(format!("{other:?} is no file")),
    }
}

pub(super) fn test_path(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let mut found = Vec::new();
    for path in targets(args, input)? {
        let real = world.readable(&path)?;
        let is = match args.text("PathType").unwrap_or("Any") {
            "Container" => real.is_dir(),
            "Leaf" => real.is_file(),
            _ => real.exists(),
        };
        found.push(Object::Value(json!(is)));
    }
    Ok(found)
}

pub(super) fn new_item(world: &mut World, args: &Args, _: Option<&Object>) -> Answer {
    let kind = args.text("ItemType").unwrap_or("File");
    let mut made = Vec::new();
    for path in args.texts("Path") {
        let path = args.text("Name").map_or(path.clone(), |name| paths::join(&path, name));
        let real = world.real(&path)?;
        let exists = ("ResourceExists", "System.IO.IOException");
        let text = format!("An item with the specified name {path} already exists.");
        match kind {
            "Directory" if real.is_dir() && args.flag("Force") => {}
            "Directory" if real.exists() => return file_error(args.cmd, "DirectoryExist", exists, text),
            "Directory" => fs::create_dir_all(&real).unwrap_or_else(|error| panic!("{path}: {error}")),
            "File" if real.exists() && !args.flag("Force") => {
                return file_error(args.cmd, "NewItemIOError", exists, text);
            }
            "File" => world.fill(args.cmd, &path, args.text("Value").unwrap_or_default().as_bytes())?,
            other => return refuse(format!("New-Item -ItemType {other} is not simulated")),
        }
        made.push(world.file(&real));
    }
    Ok(made)
}

pub(super) fn copy_item(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let Some(to) = args.text("Destination") else { return refuse("Copy-Item without -Destination") };
    for from in targets(args, input)? {
        let real = world.readable(&from)?;
        if real.is_dir() {
            return refuse("Copy-Item of a folder is not simulated");
        }
        if !real.is_file() {
            return absent(args.cmd, &from);
        }
        if world.opened(&from, false) {
            return in_use(args.cmd, &from);
        }
        let to = if world.real(to)?.is_dir() { paths::join(to, paths::name(&from)) } else { to.to_owned() };
        let bytes = fs::read(&real).unwrap_or_else(|error| panic!("{from}: {error}"));
        world.fill(args.cmd, &to, &bytes)?;
    }
    Ok(Vec::new())
}

fn move_to(world: &mut World, cmd: &str, from: &str, to: &str, force: bool) -> Answer {
    let (real, target) = (world.changeable(from)?, world.changeable(to)?);
    if !real.exists() {
        return absent(cmd, from);
    }
    if world.opened(from, true) {
        return in_use(cmd, from);
    }
    if target.is_dir() {
        return move_to(world, cmd, from, &paths::join(to, paths::name(from)), force);
    }
    let is_case = paths::same(from, to);
    if target.exists() && !is_case && (!force || target.is_dir()) {
        let text = "Cannot create a file when that file already exists.";
        return file_error(cmd, "MoveFileInfoItemIOError", ("WriteError", "System.IO.IOException"), text);
    }
    if target.exists() && !is_case && world.opened(to, true) {
        return in_use(cmd, to);
    }
    let Some(_) = target.parent().filter(|folder| folder.is_dir()) else {
        let kind = ("WriteError", "System.IO.DirectoryNotFoundException");
        return file_error(cmd, "MoveFileInfoItemIOError", kind, "Could not find a part of the path.");
    };
    fs::rename(&real, &target).unwrap_or_else(|error| panic!("{from} to {to}: {error}"));
    Ok(Vec::new())
}

pub(super) fn move_item(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let Some(to) = args.text("Destination") else { return refuse("Move-Item without -Destination") };
    for from in targets(args, input)? {
        move_to(world, args.cmd, &from, to, args.flag("Force"))?;
    }
    Ok(Vec::new())
}

pub(super) fn remove_item(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    if args.value("Confirm") != Some(&json!(false)) {
        return refuse("Remove-Item without -Confirm:$false may ask");
    }
    for path in targets(args, input)? {
        let real = world.changeable(&path)?;
        if !real.exists() {
            return absent(args.cmd, &path);
        }
        if world.state.roots.iter().any(|root| paths::is_below(root, &path)) {
            return refuse(format!("Remove-Item would take the whole of {path}"));
        }
        if !real.is_dir() {
            if world.opened(&path, true) {
                return in_use(args.cmd, &path);
            }
            fs::remove_file(&real).unwrap_or_else(|error| panic!("{path}: {error}"));
            continue;
        }
        let full = fs::read_dir(&real).is_ok_and(|mut entries| entries.next().is_some());
        if full && !args.flag("Recurse") {
            return refuse(format!("Remove-Item of {path}, which is not empty, asks without -Recurse"));
        }
        remove_below(world, args.cmd, &path, &real)?;
    }
    Ok(Vec::new())
}

/// File by file, as Windows does: what is open stays, and what went before it is gone.
fn remove_below(world: &mut World, cmd: &str, path: &str, real: &Path) -> Result<(), Wrong> {
    let mut entries: Vec<_> = fs::read_dir(real).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        let below = paths::join(path, &entry.file_name().unwrap_or_default().to_string_lossy());
        if entry.is_dir() {
            remove_below(world, cmd, &below, &entry)?;
        } else if world.opened(&below, true) {
            return in_use(cmd, &below);
        } else {
            fs::remove_file(&entry).unwrap_or_else(|error| panic!("{below}: {error}"));
        }
    }
    fs::remove_dir(real).unwrap_or_else(|error| panic!("{path}: {error}"));
    Ok(())
}

pub(super) fn get_child_item(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let mut found = Vec::new();
    for path in targets(args, input)? {
        let real = world.readable(&path)?;
        if !real.exists() {
            return absent(args.cmd, &path);
        }
        list(world, args, &real, &mut found);
    }
    Ok(found)
}

fn list(world: &World, args: &Args, real: &Path, found: &mut Vec<Object>) {
    if real.is_file() {
        return found.push(world.file(real));
    }
    let mut entries: Vec<_> = fs::read_dir(real).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in &entries {
        if !(args.flag("File") && entry.is_dir() || args.flag("Directory") && entry.is_file()) {
            found.push(world.file(entry));
        }
    }
    for entry in entries.iter().filter(|entry| args.flag("Recurse") && entry.is_dir()) {
        list(world, args, entry, found);
    }
}

pub(super) fn get_file_hash(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    if args.text("Algorithm").unwrap_or("SHA256") != "SHA256" {
        return refuse("only SHA256 is simulated");
    }
    let mut found = Vec::new();
    for path in targets(args, input)? {
        let real = world.readable(&path)?;
        if !real.is_file() {
            return absent(args.cmd, &path);
        }
        if world.opened(&path, false) {
            // It is no terminating error of the cmdlet by itself; with the agent's preference it is.
            let kind = ("ReadError", "System.IO.IOException");
            return file_error(args.cmd, "FileReadError", kind, format!("The file '{path}' cannot be read."));
        }
        let hash = digest(&fs::read(&real).unwrap_or_else(|error| panic!("{path}: {error}"))).to_uppercase();
        found.push(Object::still(Still::Hash, json!({ "Algorithm": "SHA256", "Hash": hash, "Path": path })));
    }
    Ok(found)
}

pub(super) fn get_volume(world: &mut World, args: &Args, _: Option<&Object>) -> Answer {
    let letter = match (args.text("FilePath"), args.text("DriveLetter")) {
        (Some(path), _) => {
            paths::check(path).or_else(refuse)?;
            path.chars().next()
        }
        (_, letter) => letter.and_then(|letter| letter.chars().next()),
    };
    let letter = letter.map(|letter| letter.to_ascii_uppercase());
    let known = world.state.volumes.clone();
    let wanted: Vec<_> = known.iter().filter(|volume| letter.is_none_or(|letter| volume.letter == letter)).collect();
    if wanted.is_empty() {
        let kind = ("ObjectNotFound", "Microsoft.PowerShell.Cmdletization.Cim.CimJobException");
        return file_error(args.cmd, "CmdletizationQuery_NotFound", kind, "No MSFT_Volume objects found.");
    }
    let row = |volume: &&super::state::Volume| {
        json!({ "DriveLetter": volume.letter.to_string(), "Size": volume.size, "FileSystem": "NTFS",
            "SizeRemaining": world.free(&format!("{}:\\", volume.letter)), "FileSystemLabel": "" })
    };
    Ok(wanted.iter().map(|volume| Object::still(Still::Volume, row(volume))).collect())
}

/// All is on the disk as soon as it is written.
pub(super) fn write_volume_cache(world: &mut World, args: &Args, _: Option<&Object>) -> Answer {
    let letter =
        args.text("DriveLetter").and_then(|letter| letter.chars().next()).map(|letter| letter.to_ascii_uppercase());
    if world.state.volumes.iter().any(|volume| Some(volume.letter) == letter) {
        return Ok(Vec::new());
    }
    let kind = ("ObjectNotFound", "Microsoft.PowerShell.Cmdletization.Cim.CimJobException");
    file_error(args.cmd, "CmdletizationQuery_NotFound_DriveLetter", kind, "No MSFT_Volume objects found.")
}

/// The real file's time, as a Windows host would write it.
fn changed_at(real: &Path) -> String {
    let changed = real.metadata().and_then(|file| file.modified()).unwrap_or(std::time::UNIX_EPOCH);
    jiff::Timestamp::try_from(changed).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S%.6f0Z").to_string()
}

pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl State {
    pub fn is_given(&self, path: &str) -> bool {
        self.given.iter().any(|given| paths::same(given, path))
    }
}
