//! The cmdlets that are simulated: for each the parameters that mean something here, and its work. What is not here is
//! refused, whatever the contract says.

use super::args::Args;
use super::object::Object;
use super::state::Answer;
use super::world::World;
use super::wrong::refuse;
use super::{adapter, drive, export, files, hardware, jobs, power, snapshot, syntax, vhd, vm};
use serde_json::{Map, Value};

pub(super) const START: &str = "Start-VM";

type Work = fn(&mut World, &Args, Option<&Object>) -> Answer;

struct Cmdlet {
    name: &'static str,
    parameters: &'static [&'static str],
    work: Work,
}

const fn cmdlet(name: &'static str, parameters: &'static [&'static str], work: Work) -> Cmdlet {
    Cmdlet { name, parameters, work }
}

#[rustfmt::skip]
const CMDLETS: &[Cmdlet] = &[
    cmdlet("Add-VMDvdDrive", &["VMName", "ControllerNumber", "ControllerLocation", "Path", "Passthru"], drive::add_dvd),
    cmdlet("Add-VMHardDiskDrive", &["VMName", "ControllerType", "ControllerNumber", "ControllerLocation", "Path", "Passthru"], drive::add_disk),
    cmdlet("Add-VMNetworkAdapter", &["VMName", "Name", "SwitchName", "StaticMacAddress", "DeviceNaming", "Passthru"], adapter::add),
    cmdlet("Checkpoint-VM", &["Name", "SnapshotName", "Passthru", "AsJob"], snapshot::checkpoint),
    cmdlet("Connect-VMNetworkAdapter", &["VMName", "Name", "SwitchName"], adapter::connect),
    cmdlet("Convert-VHD", &["Path", "DestinationPath", "VHDType", "AsJob"], vhd::convert),
    cmdlet("Copy-Item", &["LiteralPath", "Destination", "Force"], files::copy_item),
    cmdlet("Disconnect-VMNetworkAdapter", &["VMName", "Name"], adapter::disconnect),
    cmdlet("Dismount-VHD", &["Path"], vhd::dismount),
    cmdlet("Export-VM", &["Name", "Path", "CaptureLiveState", "AsJob"], export::export),
    cmdlet("Get-ChildItem", &["LiteralPath", "Force", "File", "Directory", "Recurse"], files::get_child_item),
    cmdlet("Get-Command", &["Name", "Syntax"], syntax::get_command),
    cmdlet("Get-FileHash", &["LiteralPath", "Algorithm"], files::get_file_hash),
    cmdlet("Get-Job", &["Id"], jobs::get),
    cmdlet("Get-VHD", &["Path"], vhd::get),
    cmdlet("Get-VM", &["Name", "Id"], vm::get_vm),
    cmdlet("Get-VMDvdDrive", &["VMName", "ControllerNumber", "ControllerLocation"], drive::get_dvd),
    cmdlet("Get-VMFirmware", &["VMName"], hardware::get_firmware),
    cmdlet("Get-VMHardDiskDrive", &["VMName", "ControllerType", "ControllerNumber", "ControllerLocation"], drive::get_disk),
    cmdlet("Get-VMHost", &[], vm::get_vm_host),
    cmdlet("Get-VMNetworkAdapter", &["VMName", "Name"], adapter::get),
    cmdlet("Get-VMNetworkAdapterVlan", &["VMName", "VMNetworkAdapterName"], adapter::get_vlan),
    cmdlet("Get-VMSnapshot", &["VMName", "Name", "Id", "SnapshotType"], snapshot::get),
    cmdlet("Get-VMSwitch", &["Name"], vm::get_vm_switch),
    cmdlet("Get-Volume", &["FilePath", "DriveLetter"], files::get_volume),
    cmdlet("Move-Item", &["LiteralPath", "Destination", "Force"], files::move_item),
    cmdlet("New-Item", &["Path", "Name", "ItemType", "Force", "Value"], files::new_item),
    cmdlet("New-VHD", &["Path", "SizeBytes", "Dynamic", "Fixed", "Differencing", "ParentPath", "AsJob"], vhd::new),
    cmdlet("New-VM", &["Name", "Path", "Generation", "MemoryStartupBytes", "VHDPath", "NoVHD", "SwitchName"], vm::new_vm),
    cmdlet("Receive-Job", &["Id", "Keep"], jobs::receive),
    cmdlet("Remove-Item", &["LiteralPath", "Recurse", "Force"], files::remove_item),
    cmdlet("Remove-Job", &["Id", "Force"], jobs::remove),
    cmdlet("Remove-VM", &["Name", "Force"], vm::remove_vm),
    cmdlet("Remove-VMDvdDrive", &["VMName", "ControllerNumber", "ControllerLocation"], drive::remove_dvd),
    cmdlet("Remove-VMHardDiskDrive", &["VMName", "ControllerType", "ControllerNumber", "ControllerLocation"], drive::remove_disk),
    cmdlet("Remove-VMNetworkAdapter", &["VMName", "Name"], adapter::remove),
    cmdlet("Remove-VMSavedState", &["VMName"], power::remove_saved_state),
    cmdlet("Remove-VMSnapshot", &["VMName", "Name", "IncludeAllChildSnapshots", "AsJob"], snapshot::remove),
    cmdlet("Resize-VHD", &["Path", "SizeBytes", "AsJob"], vhd::resize),
    cmdlet("Restore-VMSnapshot", &["VMName", "Name"], snapshot::restore),
    cmdlet("Resume-VM", &["Name"], power::resume_vm),
    cmdlet("Set-VHD", &["Path", "ResetDiskIdentifier", "Force"], vhd::set),
    cmdlet("Set-VM", &["Name", "Notes", "NewVMName", "StaticMemory", "DynamicMemory", "ProcessorCount", "MemoryStartupBytes", "AutomaticStartAction", "AutomaticStopAction", "AutomaticStartDelay", "AutomaticCheckpointsEnabled", "CheckpointType", "SnapshotFileLocation", "SmartPagingFilePath", "GuestControlledCacheTypes", "LowMemoryMappedIoSpace", "HighMemoryMappedIoSpace", "Passthru"], vm::set_vm),
    cmdlet("Set-VMDvdDrive", &["VMName", "ControllerNumber", "ControllerLocation", "Path"], drive::set_dvd),
    cmdlet("Set-VMFirmware", &["VMName", "EnableSecureBoot", "SecureBootTemplate"], hardware::set_firmware),
    cmdlet("Set-VMMemory", &["VMName", "DynamicMemoryEnabled", "StartupBytes"], hardware::set_memory),
    cmdlet("Set-VMNetworkAdapter", &["VMName", "Name", "StaticMacAddress", "MacAddressSpoofing", "DhcpGuard", "RouterGuard", "DeviceNaming", "MaximumBandwidth"], adapter::set),
    cmdlet("Set-VMNetworkAdapterVlan", &["VMName", "VMNetworkAdapterName", "Access", "VlanId", "Trunk", "NativeVlanId", "AllowedVlanIdList", "Untagged"], adapter::set_vlan),
    cmdlet("Set-VMProcessor", &["VMName", "Count"], hardware::set_processor),
    cmdlet(START, &["Name", "Passthru"], power::start_vm),
    cmdlet("Stop-Job", &["Id"], jobs::stop),
    cmdlet("Stop-VM", &["Name", "Save", "TurnOff", "Force", "AsJob", "Passthru"], power::stop_vm),
    cmdlet("Test-Path", &["LiteralPath", "PathType"], files::test_path),
    cmdlet("Write-VolumeCache", &["DriveLetter"], files::write_volume_cache),
];

/// One call with one object of the pipeline, or with none.
pub(super) fn call(world: &mut World, cmd: &str, all: &Map<String, Value>, input: Option<&Object>) -> Answer {
    let Some(cmdlet) = CMDLETS.iter().find(|known| known.name == cmd) else {
        return refuse(format!("{cmd} is not simulated"));
    };
    for (name, value) in all {
        let common = name == "Confirm" && *value == Value::Bool(false);
        if !common && !cmdlet.parameters.contains(&name.as_str()) {
            return refuse(format!("{cmd} -{name} is not simulated"));
        }
    }
    let args = Args { cmd, all };
    if args.flag("AsJob") {
        return power::as_job(world, &args, input);
    }
    (cmdlet.work)(world, &args, input)
}

/// The same when a job's time has come.
pub(super) fn work(world: &mut World, cmd: &str, all: &Map<String, Value>, input: Option<&Object>) -> Answer {
    match CMDLETS.iter().find(|known| known.name == cmd) {
        Some(cmdlet) => (cmdlet.work)(world, &Args { cmd, all }, input),
        None => refuse(format!("{cmd} is not simulated")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_asked_is_simulated_and_nothing_else_is() {
        let known: Vec<_> = CMDLETS.iter().map(|cmdlet| cmdlet.name).collect();
        assert_eq!(known, cmdlets::contract::ALLOWED);
    }

    #[test]
    fn every_parameter_is_a_documented_one() {
        for cmdlet in CMDLETS {
            let documented = cmdlets::contract::find(cmdlet.name).expect("it is documented");
            for parameter in cmdlet.parameters {
                assert!(documented.parameters.contains_key(*parameter), "{} -{parameter}", cmdlet.name);
            }
        }
    }
}
