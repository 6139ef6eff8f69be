//! What goes through a pipeline: a thing of the host, by its number, and the properties that it is known to have.

use super::state::{Adapter, Drive, Hardware, State, Vlan, Vm};
use cmdlets::Row;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Object {
    Vm(String),
    /// With a checkpoint, as it was then.
    Adapter {
        vm: String,
        snapshot: Option<String>,
        id: String,
    },
    Vlan {
        vm: String,
        snapshot: Option<String>,
        adapter: String,
    },
    HardDisk {
        vm: String,
        snapshot: Option<String>,
        controller: u64,
        location: u64,
    },
    Dvd {
        vm: String,
        controller: u64,
        location: u64,
    },
    Snapshot {
        vm: String,
        id: String,
    },
    Job(u64),
    /// As it was when it was looked at.
    Still {
        kind: Still,
        row: Row,
    },
    /// A truth, a number, a text: PowerShell gives it no properties of its own.
    Value(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Still {
    File,
    Vhd,
    Hash,
    Volume,
    Switch,
    Host,
    Firmware,
}

impl Object {
    pub fn still(kind: Still, row: Value) -> Self {
        Self::Still { kind, row: row.as_object().cloned().unwrap_or_default() }
    }

    /// All that is known of it now; none when it is gone.
    pub fn row(&self, state: &State) -> Option<Row> {
        let row = match self {
            Self::Vm(id) => vm_row(state, state.vm(id)?),
            Self::Adapter { vm, snapshot, id } => {
                let vm = state.vm(vm)?;
                let adapters = &vm.then(snapshot.as_ref())?.adapters;
                adapter_row(state, vm, adapters.iter().find(|adapter| adapter.id == *id)?)
            }
            Self::Vlan { vm, snapshot, adapter } => {
                let adapters = &state.vm(vm)?.then(snapshot.as_ref())?.adapters;
                vlan_row(&adapters.iter().find(|known| known.id == *adapter)?.vlan)
            }
            Self::HardDisk { vm, snapshot, controller, location } => {
                let vm = state.vm(vm)?;
                drive_row(vm, find(&vm.then(snapshot.as_ref())?.drives, *controller, *location)?, "Hard Drive")
            }
            Self::Dvd { vm, controller, location } => {
                let vm = state.vm(vm)?;
                let drive = find(&vm.hardware.dvds, *controller, *location)?;
                let mut row = drive_row(vm, drive, "DVD Drive");
                row["DvdMediaType"] = json!(if drive.path.is_some() { "ISO" } else { "None" });
                row
            }
            Self::Snapshot { vm, id } => snapshot_row(state.vm(vm)?, id)?,
            Self::Job(id) => {
                let job = state.jobs.iter().find(|job| job.id == *id)?;
                let gone = state.clock_ms.saturating_sub(job.began_ms) * 100;
                let percent = if job.state == "Completed" { 100 } else { (gone / job.takes_ms.max(1)).min(99) };
                let progress = format!(
                    "parent = -1 id = 0 act = {} stat =  cur =  pct = {percent} sec = -1 type = Processing",
                    job.cmd
                );
                json!({ "Id": job.id, "State": job.state, "Command": job.cmd, "Name": format!("Job{}", job.id),
                    "HasMoreData": job.problem.is_some() || !job.output.is_empty(), "Progress": [progress] })
            }
            Self::Still { row, .. } => return Some(row.clone()),
            Self::Value(value) => json!({ "Value": value }),
        };
        row.as_object().cloned()
    }
}

pub(super) fn find(drives: &[Drive], controller: u64, location: u64) -> Option<&Drive> {
    drives.iter().find(|drive| (drive.controller, drive.location) == (controller, location))
}

fn vm_row(state: &State, vm: &Vm) -> Value {
    let parent = vm.parent.as_ref().and_then(|parent| vm.snapshots.iter().find(|snapshot| snapshot.id == *parent));
    let setting = |name: &str| vm.settings.get(name).cloned().unwrap_or(Value::Null);
    let up_ms = if vm.runs() { state.clock_ms.saturating_sub(vm.started_ms) } else { 0 };
    let heartbeat = match vm.runs() {
        false => Value::Null,
        true if vm.is_up && !state.guests.are_mute => json!("OkApplicationsUnknown"),
        true => json!("NoContact"),
    };
    json!({
        "Id": vm.id, "VMId": vm.id, "Name": vm.name, "VMName": vm.name, "State": vm.power.word(), "Notes": vm.notes,
        "Generation": vm.generation, "Path": vm.path, "ConfigurationLocation": vm.path,
        "ProcessorCount": vm.hardware.cpus, "MemoryStartup": vm.hardware.memory,
        "MemoryAssigned": if vm.runs() { vm.hardware.memory } else { 0 },
        "DynamicMemoryEnabled": vm.hardware.dynamic, "Heartbeat": heartbeat,
        "Uptime": format!("{:02}:{:02}:{:02}", up_ms / 3_600_000, up_ms / 60_000 % 60, up_ms / 1000 % 60),
        "CreationTime": State::time(vm.created_ms), "Version": "10.0",
        "ParentSnapshotId": parent.map(|parent| &parent.id), "ParentSnapshotName": parent.map(|parent| &parent.name),
        "ParentCheckpointId": parent.map(|parent| &parent.id), "ParentCheckpointName": parent.map(|parent| &parent.name),
        "AutomaticStartAction": setting("AutomaticStartAction"), "AutomaticStopAction": setting("AutomaticStopAction"),
        "AutomaticStartDelay": setting("AutomaticStartDelay"),
        "AutomaticCheckpointsEnabled": setting("AutomaticCheckpointsEnabled"),
        "CheckpointType": setting("CheckpointType"), "SnapshotFileLocation": setting("SnapshotFileLocation"),
        "CheckpointFileLocation": setting("SnapshotFileLocation"), "SmartPagingFilePath": setting("SmartPagingFilePath"),
        "GuestControlledCacheTypes": setting("GuestControlledCacheTypes"),
        "LowMemoryMappedIoSpace": setting("LowMemoryMappedIoSpace"),
        "HighMemoryMappedIoSpace": setting("HighMemoryMappedIoSpace"),
    })
}

fn adapter_row(state: &State, vm: &Vm, adapter: &Adapter) -> Value {
    let address = vm.told.as_ref().and_then(|told| told.addresses.get(&adapter.mac));
    let is_heard = vm.runs() && vm.is_up && !state.guests.are_mute && adapter.switch.is_some();
    let switch = adapter.switch.as_ref().and_then(|name| state.switches.iter().find(|switch| switch.name == *name));
    let mut row = json!({
        "Id": format!(r"Microsoft:{}\{}", vm.id, adapter.id), "Name": adapter.name, "VMId": vm.id, "VMName": vm.name,
        "MacAddress": adapter.mac, "DynamicMacAddressEnabled": !adapter.is_static, "SwitchName": adapter.switch,
        "SwitchId": switch.map(|switch| &switch.id), "Connected": adapter.switch.is_some(), "IsLegacy": false,
        "IPAddresses": address.filter(|_| is_heard).into_iter().collect::<Vec<_>>(),
    });
    for (name, value) in &adapter.settings {
        row[name] = value.clone();
    }
    row
}

fn vlan_row(vlan: &Vlan) -> Value {
    let (mode, access, native, allowed) = match vlan {
        Vlan::Untagged => ("Untagged", 0, 0, Vec::new()),
        Vlan::Access(id) => ("Access", *id, 0, Vec::new()),
        Vlan::Trunk { native, allowed } => ("Trunk", 0, *native, allowed.clone()),
    };
    let list = allowed.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    json!({ "OperationMode": mode, "AccessVlanId": access, "NativeVlanId": native, "AllowedVlanIdList": allowed,
        "AllowedVlanIdListString": list })
}

fn drive_row(vm: &Vm, drive: &Drive, what: &str) -> Value {
    json!({
        "Name": format!("{what} on SCSI controller number {} at location {}", drive.controller, drive.location),
        "Id": format!(r"Microsoft:{}\{what}\{}\{}", vm.id, drive.controller, drive.location),
        "VMId": vm.id, "VMName": vm.name, "Path": drive.path.clone().unwrap_or_default(), "ControllerType": "SCSI",
        "ControllerNumber": drive.controller, "ControllerLocation": drive.location, "DiskNumber": null,
    })
}

fn snapshot_row(vm: &Vm, id: &str) -> Option<Value> {
    let snapshot = vm.snapshots.iter().find(|snapshot| snapshot.id == id)?;
    let parent = snapshot.parent.as_ref().and_then(|parent| vm.snapshots.iter().find(|other| other.id == *parent));
    Some(json!({
        "Id": snapshot.id, "Name": snapshot.name, "VMId": vm.id, "VMName": vm.name, "SnapshotType": snapshot.kind,
        "ParentSnapshotId": parent.map(|parent| &parent.id), "ParentSnapshotName": parent.map(|parent| &parent.name),
        "CreationTime": State::time(snapshot.created_ms), "IsAutomaticCheckpoint": false,
        "State": if snapshot.has_memory { "Saved" } else { "Off" },
        "ProcessorCount": snapshot.hardware.cpus, "MemoryStartup": snapshot.hardware.memory,
    }))
}

impl Vm {
    /// What it is, or what it was at a checkpoint.
    pub fn then(&self, snapshot: Option<&String>) -> Option<&Hardware> {
        match snapshot {
            None => Some(&self.hardware),
            Some(id) => self.snapshots.iter().find(|known| known.id == *id).map(|known| &known.hardware),
        }
    }

    pub fn runs(&self) -> bool {
        matches!(self.power, super::state::Power::Running | super::state::Power::Paused)
    }
}
