//! virsh: PCI devices of the host, and the mediated devices on them.

use super::looks;
use hosts::{Command, Output};
use model::pci::PciAddress;
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub mod mediated;

/// A PCI device, as libvirt finds it in sysfs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub address: PciAddress,
    /// PCI class: 0x030000 is a VGA controller.
    pub class: u32,
    pub vendor: String,
    pub product: String,
    /// Vendor and product by their numbers, `10de:2204`.
    pub id: String,
    /// The kernel's driver that has it now.
    pub driver: Option<String>,
    pub numa_node: Option<u32>,
    pub group: Option<Group>,
}

/// What the hardware cannot keep apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub number: u32,
    /// In order, the device itself among them.
    pub members: Vec<PciAddress>,
}

impl Device {
    /// A bridge stays with the host whatever its group.
    pub fn is_bridge(&self) -> bool {
        self.class >> 16 == 0x06
    }

    /// Display and processing accelerators.
    pub fn is_gpu(&self) -> bool {
        matches!(self.class >> 16, 0x03 | 0x12)
    }

    /// Bound to no driver, or to the one that gives it to guests.
    pub fn is_free(&self) -> bool {
        self.driver.as_deref().is_none_or(|driver| driver == "vfio-pci")
    }
}

/// The names of all PCI devices, for [`named`].
pub fn names(uri: &str) -> Command<Vec<String>> {
    of_sort(uri, "pci")
}

fn of_sort(uri: &str, sort: &str) -> Command<Vec<String>> {
    let read = |output: &Output| {
        Ok(output.text().lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
    };
    Command { invocation: looks(uri, ["nodedev-list", "--cap", sort]), read }
}

/// None when the host has no device of this name any more.
pub fn named(uri: &str, name: &str) -> Command<Option<Device>> {
    Command { invocation: looks(uri, ["nodedev-dumpxml", name]).answers(&[0, 1]), read: read_device }
}

/// None when the host has no such device.
pub fn device(uri: &str, address: PciAddress) -> Command<Option<Device>> {
    named(uri, &model::names::node_device(address))
}

#[derive(Deserialize)]
struct NodeXml {
    #[serde(default)]
    driver: Option<DriverXml>,
    capability: CapabilityXml,
}

#[derive(Deserialize)]
struct DriverXml {
    name: String,
}

#[derive(Deserialize)]
struct CapabilityXml {
    #[serde(default)]
    class: Option<String>,
    domain: u16,
    bus: u8,
    slot: u8,
    function: u8,
    #[serde(default)]
    product: Named,
    #[serde(default)]
    vendor: Named,
    #[serde(rename = "iommuGroup", default)]
    group: Option<GroupXml>,
    #[serde(default)]
    numa: Option<NumaXml>,
}

#[derive(Default, Deserialize)]
struct Named {
    #[serde(rename = "@id", default)]
    id: String,
    #[serde(rename = "$text", default)]
    name: String,
}

#[derive(Deserialize)]
struct GroupXml {
    #[serde(rename = "@number")]
    number: u32,
    #[serde(default)]
    address: Vec<AddressXml>,
}

#[derive(Deserialize)]
struct AddressXml {
    #[serde(rename = "@domain")]
    domain: String,
    #[serde(rename = "@bus")]
    bus: String,
    #[serde(rename = "@slot")]
    slot: String,
    #[serde(rename = "@function")]
    function: String,
}

#[derive(Deserialize)]
struct NumaXml {
    #[serde(rename = "@node")]
    node: i64,
}

impl Named {
    fn shown(self) -> String {
        if self.name.is_empty() { self.id } else { self.name }
    }
}

fn hex(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text.trim_start_matches("0x"), 16).map_err(|error| format!("{text}: {error}"))
}

impl AddressXml {
    fn read(&self) -> Result<PciAddress, String> {
        Ok(PciAddress {
            domain: hex(&self.domain)? as u16,
            bus: hex(&self.bus)? as u8,
            slot: hex(&self.slot)? as u8,
            function: hex(&self.function)? as u8,
        })
    }
}

/// None when the host has no such device.
fn read_xml<T: DeserializeOwned>(output: &Output) -> Result<Option<T>, String> {
    if output.status == 1 {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return if stderr.contains("node device") { Ok(None) } else { Err(stderr.trim().to_owned()) };
    }
    quick_xml::de::from_str(&output.text()).map(Some).map_err(|error| error.to_string())
}

fn read_device(output: &Output) -> Result<Option<Device>, String> {
    let Some(node) = read_xml::<NodeXml>(output)? else { return Ok(None) };
    let found = node.capability;
    let group = match found.group {
        Some(group) => {
            let members = group.address.iter().map(AddressXml::read).collect::<Result<Vec<_>, _>>()?;
            Some(Group { number: group.number, members })
        }
        None => None,
    };
    let number = |named: &Named| named.id.trim_start_matches("0x").to_owned();
    let id = format!("{}:{}", number(&found.vendor), number(&found.product));
    Ok(Some(Device {
        id,
        address: PciAddress { domain: found.domain, bus: found.bus, slot: found.slot, function: found.function },
        class: found.class.as_deref().map_or(Ok(0), hex)?,
        vendor: found.vendor.shown(),
        product: found.product.shown(),
        driver: node.driver.map(|driver| driver.name),
        numa_node: found.numa.and_then(|numa| u32::try_from(numa.node).ok()),
        group,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: i32, stdout: &[u8], stderr: &str) -> Result<Option<Device>, String> {
        read_device(&Output { status, stdout: stdout.to_vec(), stderr: stderr.into() })
    }

    #[test]
    fn a_recorded_answer_is_read() {
        let plain = said(0, include_bytes!("../../golden/virsh-nodedev.xml"), "").unwrap().unwrap();
        assert_eq!((plain.address.to_string().as_str(), plain.class), ("0000:00:05.0", 0xffff00));
        assert_eq!((plain.vendor.as_str(), plain.driver.as_deref()), ("Red Hat, Inc.", Some("virtio-pci")));
        assert_eq!((plain.id.as_str(), plain.group, plain.numa_node), ("1af4:1044", None, None));
        assert_eq!(
            said(
                1,
                b"",
                "error: Could not find matching device 'pci_0000_99_00_0'\nerror: Node device not found: no node device with matching name 'pci_0000_99_00_0'\n"
            ),
            Ok(None)
        );
        assert!(said(1, b"", "error: failed to connect to the hypervisor\n").is_err());
    }

    #[test]
    fn a_device_with_a_group_is_read() {
        let xml = b"<device><name>pci_0000_65_00_0</name><driver><name>nouveau</name></driver><capability type='pci'>\
            <class>0x030000</class><domain>0</domain><bus>101</bus><slot>0</slot><function>0</function><product id='0x2204'/>\
            <vendor id='0x10de'>NVIDIA</vendor><iommuGroup number='30'><address domain='0x0000' bus='0x65' slot='0x00' \
            function='0x0'/><address domain='0x0000' bus='0x65' slot='0x00' function='0x1'/></iommuGroup><numa node='1'/>\
            </capability></device>";
        let device = said(0, xml, "").unwrap().unwrap();
        assert!(device.is_gpu() && !device.is_bridge() && !device.is_free());
        assert_eq!((device.product.as_str(), device.numa_node), ("0x2204", Some(1)));
        assert_eq!(device.id, "10de:2204");
        let group = device.group.unwrap();
        let members: Vec<_> = group.members.iter().map(ToString::to_string).collect();
        assert_eq!((group.number, members), (30, vec!["0000:65:00.0".to_owned(), "0000:65:00.1".to_owned()]));
    }
}
