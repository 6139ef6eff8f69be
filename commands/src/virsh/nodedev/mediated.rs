//! virsh: mediated devices, which are shares of PCI devices.

use super::{DriverXml, of_sort, read_xml};
use crate::virsh::looks;
use hosts::{Command, Output};
use model::pci::PciAddress;
use serde::Deserialize;
use uuid::Uuid;

/// A mediated device that is there now; one that is only defined is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mediated {
    pub uuid: Uuid,
    /// What it is: `nvidia-35`.
    pub type_id: String,
    /// None of one that is no share of a PCI device.
    pub parent: Option<PciAddress>,
    /// The kernel's driver that has it now.
    pub driver: Option<String>,
    /// Of itself alone.
    pub group: Option<u32>,
}

/// The names of all, for [`named`].
pub fn names(uri: &str) -> Command<Vec<String>> {
    of_sort(uri, "mdev")
}

/// None when the host has no mediated device of this name any more.
pub fn named(uri: &str, name: &str) -> Command<Option<Mediated>> {
    Command { invocation: looks(uri, ["nodedev-dumpxml", name]).answers(&[0, 1]), read }
}

#[derive(Deserialize)]
struct NodeXml {
    parent: String,
    #[serde(default)]
    driver: Option<DriverXml>,
    capability: CapabilityXml,
}

#[derive(Deserialize)]
struct CapabilityXml {
    #[serde(rename = "type")]
    kind: TypeXml,
    uuid: Uuid,
    #[serde(rename = "iommuGroup", default)]
    group: Option<GroupXml>,
}

#[derive(Deserialize)]
struct TypeXml {
    #[serde(rename = "@id")]
    id: String,
}

#[derive(Deserialize)]
struct GroupXml {
    #[serde(rename = "@number")]
    number: u32,
}

fn read(output: &Output) -> Result<Option<Mediated>, String> {
    let Some(node) = read_xml::<NodeXml>(output)? else { return Ok(None) };
    Ok(Some(Mediated {
        uuid: node.capability.uuid,
        type_id: node.capability.kind.id,
        parent: model::names::address_of_node(&node.parent),
        driver: node.driver.map(|driver| driver.name),
        group: node.capability.group.map(|group| group.number),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: i32, stdout: &str, stderr: &str) -> Result<Option<Mediated>, String> {
        read(&Output { status, stdout: stdout.into(), stderr: stderr.into() })
    }

    #[test]
    fn a_mediated_device_is_read() {
        let xml = "<device>\n  <name>mdev_c60cc60c_0f2d_4d1a_9d0b_6f5a3c1e7b21_0000_06_00_0</name>\n  \
            <path>/sys/devices/pci0000:00/0000:06:00.0/c60cc60c-0f2d-4d1a-9d0b-6f5a3c1e7b21</path>\n  \
            <parent>pci_0000_06_00_0</parent>\n  <driver>\n    <name>vfio_mdev</name>\n  </driver>\n  \
            <capability type='mdev'>\n    <type id='nvidia-35'/>\n    \
            <uuid>c60cc60c-0f2d-4d1a-9d0b-6f5a3c1e7b21</uuid>\n    <parent_addr>0000:06:00.0</parent_addr>\n    \
            <iommuGroup number='12'/>\n  </capability>\n</device>\n";
        let device = said(0, xml, "").unwrap().unwrap();
        assert_eq!(device.uuid.to_string(), "c60cc60c-0f2d-4d1a-9d0b-6f5a3c1e7b21");
        assert_eq!((device.type_id.as_str(), device.driver.as_deref()), ("nvidia-35", Some("vfio_mdev")));
        assert_eq!((device.parent, device.group), ("0000:06:00.0".parse().ok(), Some(12)));
        // The share of a channel of a mainframe.
        let other = said(0, &xml.replace("pci_0000_06_00_0", "css_0_0_0052"), "").unwrap().unwrap();
        assert_eq!(other.parent, None);
    }

    #[test]
    fn one_that_is_gone_is_none() {
        let stderr = "error: Could not find matching device 'mdev_x'\nerror: Node device not found: no node device with \
                      matching name 'mdev_x'\n";
        assert_eq!(said(1, "", stderr), Ok(None));
        assert!(said(1, "", "error: failed to connect to the hypervisor\n").is_err());
    }
}
