//! NoCloud: what cloud-init reads.

use model::vm::Vm;
use std::fmt::Write as _;

/// The label of what it is read from.
pub const LABEL: &str = "cidata";

const NO_USERDATA: &str = "#cloud-config\n{}\n";

/// Each file's name and text.
pub fn files(vm: &Vm) -> [(&'static str, String); 3] {
    [
        ("meta-data", meta_data(vm)),
        ("network-config", network_config(vm)),
        ("user-data", vm.spec.userdata.clone().unwrap_or_else(|| NO_USERDATA.to_owned())),
    ]
}

/// A string as YAML reads it, whatever is in it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn meta_data(vm: &Vm) -> String {
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
fn network_config(vm: &Vm) -> String {
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
    use expect_test::expect_file;

    #[test]
    fn the_texts_are_as_the_golden_files_say() {
        let vm = sample::vm();
        expect_file!["../golden/meta-data"].assert_eq(&meta_data(&vm));
        expect_file!["../golden/network-config"].assert_eq(&network_config(&vm));
    }

    #[test]
    fn a_nic_without_addresses_asks_for_a_lease() {
        let mut vm = sample::vm();
        vm.spec.nics[0].addresses.clear();
        assert!(network_config(&vm).contains("    dhcp4: true\n"));
    }
}
