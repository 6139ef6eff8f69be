//! The cloud-init seed (NoCloud): a small FAT image labelled `cidata`, the same bytes for the same VM.

use errors::Fault;
use fatfs::{FileSystem, FormatVolumeOptions, FsOptions, format_volume};
use model::vm::Vm;
use std::fmt::Write as _;
use std::io::{Cursor, Write};

const BYTES: usize = 1 << 20;

const NO_USERDATA: &str = "#cloud-config\n{}\n";

/// The image's bytes.
pub fn image(vm: &Vm) -> Result<Vec<u8>, Fault> {
    let files = [
        ("meta-data", meta_data(vm)),
        ("network-config", network_config(vm)),
        ("user-data", vm.spec.userdata.clone().unwrap_or_else(|| NO_USERDATA.to_owned())),
    ];
    write(&files).map_err(|error| Fault::new(&errors::vm_kvm::SEED_TOO_LARGE).hole("reason", error))
}

fn write(files: &[(&str, String)]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Cursor::new(vec![0_u8; BYTES]);
    format_volume(&mut bytes, FormatVolumeOptions::new().volume_label(*b"cidata     "))?;
    {
        // Without a clock, so that the bytes depend on the VM alone.
        let volume = FileSystem::new(&mut bytes, FsOptions::new().update_accessed_date(false))?;
        for (name, text) in files {
            let mut file = volume.root_dir().create_file(name)?;
            file.truncate()?;
            file.write_all(text.as_bytes())?;
            file.flush()?;
        }
        volume.unmount()?;
    }
    Ok(bytes.into_inner())
}

/// A string as YAML reads it, whatever is in it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

pub fn meta_data(vm: &Vm) -> String {
    let mut text = format!("instance-id: drover-{}\nlocal-hostname: {}\n", vm.id, quoted(&vm.name));
    if !vm.spec.ssh_keys.is_empty() {
        text.push_str("public-keys:\n");
        for key in &vm.spec.ssh_keys {
            let _ = writeln!(text, "  - {}", quoted(key));
        }
    }
    text
}

/// Version 2: on each nic, found by its mac, its addresses; on one without, what DHCP says.
pub fn network_config(vm: &Vm) -> String {
    let mut text = String::from("version: 2\nethernets:\n");
    for (index, nic) in vm.spec.nics.iter().enumerate() {
        let mac = quoted(nic.mac.as_deref().unwrap_or_default());
        let _ = write!(text, "  nic{index}:\n    match:\n      macaddress: {mac}\n");
        text.push_str(if nic.addresses.is_empty() { "    dhcp4: true\n" } else { "    addresses:\n" });
        for address in &nic.addresses {
            let _ = writeln!(text, "      - {}", quoted(address));
        }
        if let Some(gateway) = nic.gateway {
            let _ = write!(text, "    routes:\n      - to: default\n        via: \"{gateway}\"\n");
        }
        if !vm.spec.dns.is_empty() {
            text.push_str("    nameservers:\n      addresses:\n");
            for server in &vm.spec.dns {
                let _ = writeln!(text, "        - \"{server}\"");
            }
        }
    }
    if vm.spec.nics.is_empty() {
        text = "version: 2\nethernets: {}\n".to_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use std::io::Read;

    #[test]
    fn the_texts_are_as_the_golden_files_say() {
        let (vm, _) = sample::vm();
        sample::golden("meta-data", meta_data(&vm).as_bytes());
        sample::golden("network-config", network_config(&vm).as_bytes());
    }

    #[test]
    fn a_nic_without_addresses_asks_for_a_lease() {
        let (mut vm, _) = sample::vm();
        vm.spec.nics[0].addresses.clear();
        assert!(network_config(&vm).contains("    dhcp4: true\n"));
    }

    #[test]
    fn the_image_holds_the_files_and_is_the_same_each_time() {
        let (vm, _) = sample::vm();
        let bytes = image(&vm).unwrap();
        assert_eq!(bytes, image(&vm).unwrap());
        let volume = FileSystem::new(Cursor::new(bytes), FsOptions::new()).unwrap();
        assert_eq!(volume.volume_label().to_lowercase(), "cidata");
        let mut text = String::new();
        volume.root_dir().open_file("user-data").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(Some(text), vm.spec.userdata);
    }
}
