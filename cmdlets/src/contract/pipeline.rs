//! What a cmdlet gives to the next one, and which parameter takes it. The pages' OUTPUTS sections are prose; this is what of
//! it the product uses.

use super::Parameter;
use serde_json::{Map, Value};

/// The type of the objects that come out; none when nothing does, or it is not known.
pub fn gives(cmd: &str, args: &Map<String, Value>) -> Option<&'static str> {
    let on = |name: &str| args.get(name) == Some(&Value::Bool(true));
    if on("AsJob") {
        return Some("Job");
    }
    let (verb, noun) = cmd.split_once('-')?;
    let gives = matches!(verb, "Get" | "New" | "Receive") || on("Passthru") || on("PassThru");
    let of = match noun {
        "VM" if verb == "Checkpoint" => "VMSnapshot",
        "VM" => "VirtualMachine",
        "VMSnapshot" => "VMSnapshot",
        "VMNetworkAdapter" => "VMNetworkAdapter",
        "VMHardDiskDrive" => "HardDiskDrive",
        "VMDvdDrive" => "DvdDrive",
        "VMFirmware" => "VMFirmware",
        "VHD" => "VHD",
        "Item" | "ChildItem" => "FileSystemInfo",
        "FileHash" => "FileHashInfo",
        "Job" if verb == "Get" => "Job",
        _ => return None,
    };
    gives.then_some(of)
}

/// Whether a parameter with these flags is bound by an object of this type.
pub fn takes(name: &str, parameter: &Parameter, flags: &str, feed: &str) -> bool {
    let of = parameter.of.trim_end_matches("[]");
    let by_value = flags.contains('v') && (of == feed || bases(feed).contains(&of));
    let named = |property: &&str| *property == name || parameter.aliases.iter().any(|alias| alias == property);
    by_value || flags.contains('n') && properties(feed).iter().any(named)
}

fn bases(of: &str) -> &'static [&'static str] {
    match of {
        "VirtualMachine" | "VMSnapshot" => &["VirtualMachineBase"],
        "VMNetworkAdapter" => &["VMNetworkAdapterBase"],
        _ => &[],
    }
}

/// Properties by whose name a parameter may be bound.
fn properties(of: &str) -> &'static [&'static str] {
    match of {
        "HardDiskDrive" | "VHD" => &["Path"],
        "FileSystemInfo" => &["PSPath"],
        _ => &[],
    }
}
