//! Processors, memory, firmware, and the key protector of a virtual TPM.

use super::args::Args;
use super::object::{Object, Still};
use super::state::{Answer, Power};
use super::world::World;
use super::wrong::{invalid, not_now, refuse};
use serde_json::json;

pub(super) fn set_processor(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    for id in world.vms(args, input, "VMName")? {
        let Some(count) = args.number("Count") else { return refuse("Set-VMProcessor without -Count") };
        if !(1..=64).contains(&count) {
            return invalid(args.cmd, "The number of processors is out of range: the host has 64.");
        }
        world.off(args.cmd, &id)?.cpus = count;
    }
    Ok(Vec::new())
}

pub(super) fn set_memory(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    for id in world.vms(args, input, "VMName")? {
        if let Some(dynamic) = args.value("DynamicMemoryEnabled").and_then(serde_json::Value::as_bool)
            && dynamic != world.vm(&id).hardware.dynamic
        {
            world.off(args.cmd, &id)?.dynamic = dynamic;
        }
        if let Some(bytes) = args.number("StartupBytes") {
            if !(32 << 20..=512 << 30).contains(&bytes) || !bytes.is_multiple_of(2 << 20) {
                return invalid(args.cmd, "The memory is out of range or no multiple of 2 MB.");
            }
            // Static memory changes while the guest runs, on 2016 and later.
            let vm = world.vm(&id);
            if !matches!(vm.power, Power::Off | Power::Running) || vm.runs() && vm.hardware.dynamic {
                return not_now(args.cmd, "The startup memory cannot be changed now.");
            }
            vm.hardware.memory = bytes;
        }
    }
    Ok(Vec::new())
}

pub(super) fn get_firmware(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    let ids = world.vms(args, input, "VMName")?;
    let row = |id: &String| {
        let hardware = world.state.vm(id).map(|vm| &vm.hardware);
        let secure = hardware.is_some_and(|hardware| hardware.secure_boot);
        json!({ "VMId": id, "SecureBoot": if secure { "On" } else { "Off" },
            "SecureBootTemplate": hardware.map(|hardware| &hardware.template) })
    };
    Ok(ids.iter().map(|id| Object::still(Still::Firmware, row(id))).collect())
}

pub(super) fn set_firmware(world: &mut World, args: &Args, input: Option<&Object>) -> Answer {
    for id in world.vms(args, input, "VMName")? {
        let hardware = world.off(args.cmd, &id)?;
        if let Some(secure) = args.text("EnableSecureBoot") {
            hardware.secure_boot = secure == "On";
        }
        if let Some(template) = args.text("SecureBootTemplate") {
            let known = ["MicrosoftWindows", "MicrosoftUEFICertificateAuthority", "OpenSourceShieldedVM"];
            if !known.contains(&template) {
                return invalid(args.cmd, format!("There is no secure boot template {template}."));
            }
            hardware.template = template.to_owned();
        }
    }
    Ok(Vec::new())
}
