//! VMs: found, made, set, removed.

use super::args::{Args, like};
use super::object::{Object, Still};
use super::paths;
use super::state::{Adapter, Answer, Deed, Drive, Hardware, Power, Task, Vlan, Vm};
use super::world::World;
use super::wrong::{Wrong, invalid, not_now, refuse};
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl World {
    /// The numbers of the VMs that a call is about: what comes down the pipeline, or those whose names match.
    pub fn vms(&self, args: &Args, input: Option<&Object>, parameter: &str) -> Result<Vec<String>, Wrong> {
        match input {
            Some(Object::Vm(id)) => match self.state.vm(id) {
                Some(vm) => Ok(vec![vm.id.clone()]),
                None => invalid(args.cmd, "The virtual machine has been removed."),
            },
            Some(other) => refuse(format!("{} takes a VM from the pipeline, not {other:?}", args.cmd)),
            None => {
                let names = args.texts(parameter);
                if names.is_empty() {
                    return refuse(format!("{} without a VM", args.cmd));
                }
                let mut found = Vec::new();
                for name in names {
                    let known = self.state.vms.iter().filter(|vm| like(&name, &vm.name)).map(|vm| vm.id.clone());
                    let known: Vec<_> = known.collect();
                    if known.is_empty() && !name.contains(['*', '?']) {
                        let text = format!("Hyper-V was unable to find a virtual machine with name \"{name}\".");
                        return invalid(args.cmd, text);
                    }
                    found.extend(known);
                }
                Ok(found)
            }
        }
    }

    pub fn vm(&mut self, id: &str) -> &mut Vm {
        self.state.vms.iter_mut().find(|vm| vm.id == id).unwrap_or_else(|| panic!("VM {id} is there"))
    }

    /// The settings of a VM that is off.
    pub fn off(&mut self, cmd: &str, id: &str) -> Result<&mut Hardware, Wrong> {
        let vm = self.vm(id);
        match vm.power {
            Power::Off => Ok(&mut vm.hardware),
            power => not_now(cmd, format!("'{}' is {}: this is changed only when it is off.", vm.name, power.word())),
        }
    }

    /// The switch of this name.
    pub fn switch(&self, cmd: &str, name: &str) -> Result<String, Wrong> {
        match self.state.switches.iter().find(|switch| switch.name.eq_ignore_ascii_case(name)) {
            Some(switch) => Ok(switch.name.clone()),
            None => invalid(cmd, format!("Hyper-V was unable to find a virtual switch with name \"{name}\".")),
        }
    }
}

pub(super) fn passed(args: &Args, objects: Vec<Object>) -> Answer {
    Ok(if args.flag("Passthru") { objects } else { Vec::new() })
}

pub(super) fn get_vm(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    if let Some(id) = args.text("Id") {
        return match world.state.vm(id) {
            Some(vm) => Ok(vec![Object::Vm(vm.id.clone())]),
            None => invalid(args.cmd, format!("Hyper-V was unable to find a virtual machine with id \"{id}\".")),
        };
    }
    if args.has("Name") || input.is_some() {
        return Ok(world.vms(args, input, "Name")?.into_iter().map(Object::Vm).collect());
    }
    Ok(world.state.vms.iter().map(|vm| Object::Vm(vm.id.clone())).collect())
}

pub(super) fn new_vm(world: &mut World, args: &Args, _: Option<&Object>) -> Answer {
    let name = args.text("Name").unwrap_or("New Virtual Machine").to_owned();
    let Some(path) = args.text("Path") else { return refuse("New-VM without -Path puts it into the default folder") };
    if args.number("Generation") != Some(2) && args.text("Generation") != Some("2") {
        return refuse("New-VM: only generation 2 is simulated");
    }
    let switch = args.text("SwitchName").map(|name| world.switch(args.cmd, name)).transpose()?;
    let mut hardware = Hardware {
        cpus: 1,
        memory: args.number("MemoryStartupBytes").unwrap_or(1 << 30),
        secure_boot: true,
        template: "MicrosoftWindows".into(),
        ..Hardware::default()
    };
    if !(32 << 20..=12 << 40).contains(&hardware.memory) || !hardware.memory.is_multiple_of(2 << 20) {
        return invalid(args.cmd, "The startup memory is out of range or no multiple of 2 MB.");
    }
    if let Some(disk) = args.text("VHDPath") {
        world.usable(args.cmd, disk, None)?;
        hardware.drives.push(Drive { controller: 0, location: 0, path: Some(disk.to_owned()) });
    }
    let id = world.state.guid();
    // The configuration stands in a folder of the VM's name below the path.
    let path = paths::join(path, &name);
    let configuration = paths::join(&path, "Virtual Machines");
    let real = world.real(&configuration)?;
    std::fs::create_dir_all(real).unwrap_or_else(|error| panic!("{configuration}: {error}"));
    for (extension, bytes) in [("vmcx", "configuration"), ("vmrs", "runtime state")] {
        world.fill(args.cmd, &paths::join(&configuration, &format!("{id}.{extension}")), bytes.as_bytes())?;
    }
    let adapter = Adapter {
        id: world.state.guid(),
        name: "Network Adapter".into(),
        mac: "000000000000".into(),
        is_static: false,
        switch,
        settings: BTreeMap::new(),
        vlan: Vlan::default(),
    };
    hardware.adapters.push(adapter);
    let settings = [
        ("AutomaticStartAction", json!("StartIfRunning")),
        ("AutomaticStopAction", json!("Save")),
        ("AutomaticStartDelay", json!(0)),
        ("AutomaticCheckpointsEnabled", json!(false)),
        ("CheckpointType", json!("Production")),
        ("SnapshotFileLocation", json!(path)),
        ("SmartPagingFilePath", json!(path)),
    ];
    let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let created_ms = world.state.clock_ms;
    world.state.vms.push(Vm {
        id: id.clone(),
        name,
        notes: String::new(),
        generation: 2,
        path,
        power: Power::Off,
        started_ms: 0,
        created_ms,
        is_up: false,
        told: None,
        settings,
        hardware,
        snapshots: Vec::new(),
        parent: None,
    });
    Ok(vec![Object::Vm(id)])
}

/// Kept as they are given.
const SETTINGS: &[&str] = &[
    "AutomaticStartAction",
    "AutomaticStopAction",
    "AutomaticStartDelay",
    "AutomaticCheckpointsEnabled",
    "CheckpointType",
    "SnapshotFileLocation",
    "SmartPagingFilePath",
    "GuestControlledCacheTypes",
    "LowMemoryMappedIoSpace",
    "HighMemoryMappedIoSpace",
];

pub(super) fn set_vm(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let ids = world.vms(args, input, "Name")?;
    for id in &ids {
        for path in ["SnapshotFileLocation", "SmartPagingFilePath"].iter().filter_map(|name| args.text(name)) {
            world.real(path)?;
        }
        if args.has("ProcessorCount") || args.has("MemoryStartupBytes") || args.flag("DynamicMemory") {
            let (cpus, memory) = (args.number("ProcessorCount"), args.number("MemoryStartupBytes"));
            let hardware = world.off(args.cmd, id)?;
            hardware.cpus = cpus.unwrap_or(hardware.cpus);
            hardware.memory = memory.unwrap_or(hardware.memory);
            hardware.dynamic = args.flag("DynamicMemory");
        }
        if args.flag("StaticMemory") && world.vm(id).hardware.dynamic {
            world.off(args.cmd, id)?.dynamic = false;
        }
        if args.has("SmartPagingFilePath") && world.vm(id).runs() {
            return not_now(args.cmd, "The smart paging file's folder is changed only when the VM is off.");
        }
        if args.has("SnapshotFileLocation") && !world.vm(id).snapshots.is_empty() {
            return not_now(args.cmd, "The folder of checkpoints is not changed while there are checkpoints.");
        }
        let vm = world.vm(id);
        if let Some(notes) = args.text("Notes") {
            vm.notes = notes.to_owned();
        }
        if let Some(name) = args.text("NewVMName") {
            vm.name = name.to_owned();
        }
        for name in SETTINGS {
            if let Some(value) = args.value(name) {
                vm.settings.insert((*name).to_owned(), value.clone());
            }
        }
    }
    passed(args, ids.into_iter().map(Object::Vm).collect())
}

pub(super) fn remove_vm(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    if !args.flag("Force") && args.value("Confirm") != Some(&json!(false)) {
        return refuse("Remove-VM without -Force asks");
    }
    for id in world.vms(args, input, "Name")? {
        if !matches!(world.vm(&id).power, Power::Off | Power::Saved | Power::OffCritical) {
            return not_now(args.cmd, "The virtual machine is running.");
        }
        if world.state.merges(&id) {
            return not_now(args.cmd, "The virtual machine's disks are being merged.");
        }
        let at = world.state.vms.iter().position(|vm| vm.id == id).unwrap_or_else(|| panic!("VM {id} is there"));
        let vm = world.state.vms.remove(at);
        for extension in ["vmcx", "vmrs"] {
            let path = paths::join(&paths::join(&vm.path, "Virtual Machines"), &format!("{id}.{extension}"));
            let _ = std::fs::remove_file(paths::real(&world.root, &path));
        }
        if !vm.snapshots.is_empty() {
            let mut gone = vm.hardware.drives;
            gone.extend(vm.snapshots.into_iter().flat_map(|snapshot| snapshot.hardware.drives));
            let at_ms = world.state.clock_ms + world.state.pace.merge_ms;
            world.state.tasks.push(Task { at_ms, job: None, deed: Deed::Merge { vm: id, gone } });
        }
    }
    Ok(Vec::new())
}

pub(super) fn get_vm_host(world: &mut World, _: &Args, _: Option<&Object>) -> Answer {
    let name = world.state.name.clone();
    let folder = world.state.roots.first().cloned().unwrap_or_default();
    let row = json!({ "Name": name, "ComputerName": name, "FullyQualifiedDomainName": name,
        "LogicalProcessorCount": 64, "MemoryCapacity": 512_u64 << 30, "VirtualHardDiskPath": folder,
        "VirtualMachinePath": folder });
    Ok(vec![Object::still(Still::Host, row)])
}

pub(super) fn get_vm_switch(world: &mut World, args: &Args, _: Option<&Object>) -> Answer {
    let named = |name: &str| args.text("Name").is_none_or(|pattern| like(pattern, name));
    let found = world.state.switches.iter().filter(|switch| named(&switch.name));
    let rows = found.map(|switch| json!({ "Name": switch.name, "Id": switch.id, "SwitchType": switch.kind }));
    let rows: Vec<Value> = rows.collect();
    if let Some(name) = args.text("Name").filter(|name| rows.is_empty() && !name.contains(['*', '?'])) {
        return invalid(args.cmd, format!("Hyper-V was unable to find a virtual switch with name \"{name}\"."));
    }
    Ok(rows.into_iter().map(|row| Object::still(Still::Switch, row)).collect())
}
