//! PCI and mediated devices of the host, as `virsh nodedev-dumpxml` shows them and as domains are given them. A PCI device without
//! an IOMMU group can be in a definition and in no guest. No real machine of the tests has either: what a guest does with such
//! a device is told by libvirt's documentation alone.

use super::state::{Answer, Refused, State, refused};
use super::virsh::said;
use super::xml::Node;
use model::device::Device;
use model::names;
use model::pci::PciAddress;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A device of the host.
#[derive(Clone, Debug)]
pub struct PciDevice {
    /// `0x030000`
    pub class: &'static str,
    pub driver: Option<&'static str>,
    /// Its IOMMU group.
    pub group: Option<u32>,
}

/// A share of a PCI device of the host.
#[derive(Clone, Debug)]
pub struct MediatedDevice {
    /// `nvidia-35`
    pub type_id: &'static str,
    pub parent: PciAddress,
    /// Its IOMMU group.
    pub group: u32,
}

#[derive(Default)]
pub(super) struct Devices {
    pub pci: BTreeMap<PciAddress, PciDevice>,
    pub mediated: BTreeMap<Uuid, MediatedDevice>,
}

const NO_PASSTHROUGH: &str = "unsupported configuration: host doesn't support passthrough of host PCI devices";

fn parts(address: PciAddress) -> [(&'static str, String); 4] {
    let PciAddress { domain, bus, slot, function } = address;
    [
        ("domain", format!("0x{domain:04x}")),
        ("bus", format!("0x{bus:02x}")),
        ("slot", format!("0x{slot:02x}")),
        ("function", format!("0x{function:x}")),
    ]
}

pub(super) fn list(state: &State) -> String {
    state.devices.pci.keys().map(|address| format!("{}\n", names::node_device(*address))).collect()
}

fn mediated_name(uuid: Uuid, device: &MediatedDevice) -> String {
    names::node_device(device.parent).replacen("pci", &names::mediated_device(uuid), 1)
}

pub(super) fn list_mediated(state: &State) -> String {
    state.devices.mediated.iter().map(|(uuid, device)| format!("{}\n", mediated_name(*uuid, device))).collect()
}

pub(super) fn dumpxml(state: &State, name: &str) -> Answer {
    if let Some((address, device)) = state.devices.pci.iter().find(|(address, _)| names::node_device(**address) == name)
    {
        return Ok(pci(state, name, *address, device));
    }
    if let Some((uuid, device)) = state.devices.mediated.iter().find(|(uuid, it)| mediated_name(**uuid, it) == name) {
        return Ok(mediated(name, *uuid, device));
    }
    let why = format!("error: Node device not found: no node device with matching name '{name}'\n");
    refused(1, format!("error: Could not find matching device '{name}'\n{why}"))
}

fn node(name: &str, driver: Option<&str>) -> Node {
    let mut node = Node::new("device");
    node.children.push(Node::new("name").saying(name));
    node.children.extend(driver.map(|driver| {
        let mut found = Node::new("driver");
        found.children.push(Node::new("name").saying(driver));
        found
    }));
    node
}

fn mediated(name: &str, uuid: Uuid, device: &MediatedDevice) -> String {
    let mut node = node(name, Some("vfio_mdev"));
    node.children.insert(1, Node::new("parent").saying(names::node_device(device.parent)));
    let mut share = Node::new("capability").with("type", "mdev");
    share.children.push(Node::new("type").with("id", device.type_id));
    share.children.push(Node::new("uuid").saying(uuid.to_string()));
    share.children.push(Node::new("parent_addr").saying(device.parent.to_string()));
    share.children.push(Node::new("iommuGroup").with("number", device.group.to_string()));
    node.children.push(share);
    node.write()
}

fn pci(state: &State, name: &str, address: PciAddress, device: &PciDevice) -> String {
    let driver = if user(state, address.into()).is_some() { Some("vfio-pci") } else { device.driver };
    let mut node = node(name, driver);
    let mut pci = Node::new("capability").with("type", "pci");
    pci.children.push(Node::new("class").saying(device.class));
    let PciAddress { domain, bus, slot, function } = address;
    let numbers =
        [("domain", u32::from(domain)), ("bus", bus.into()), ("slot", slot.into()), ("function", function.into())];
    pci.children.extend(numbers.map(|(name, number)| Node::new(name).saying(number.to_string())));
    pci.children.push(Node::new("product").with("id", "0x2204").saying("GA102"));
    pci.children.push(Node::new("vendor").with("id", "0x10de").saying("NVIDIA Corporation"));
    if let Some(number) = device.group {
        let mut group = Node::new("iommuGroup").with("number", number.to_string());
        for (member, _) in state.devices.pci.iter().filter(|(_, other)| other.group == Some(number)) {
            let one =
                parts(*member).into_iter().fold(Node::new("address"), |node, (name, value)| node.with(name, value));
            group.children.push(one);
        }
        pci.children.push(group);
    }
    node.children.push(pci);
    node.write()
}

pub(super) fn hostdevs(domain: &Node) -> impl Iterator<Item = &Node> {
    domain.child("devices").into_iter().flat_map(|devices| &devices.children).filter(|device| device.name == "hostdev")
}

/// Which of the host's devices a domain is given: a PCI address, or the UUID of a mediated device.
pub(super) fn address(hostdev: &Node) -> String {
    match hostdev.attribute("type") {
        Some("pci") => pci_address(hostdev),
        Some("mdev") => {
            hostdev.child("source").and_then(|source| source.of("address", "uuid")).unwrap_or_default().into()
        }
        other => panic!("a hostdev of type {other:?} is not simulated"),
    }
}

fn pci_address(hostdev: &Node) -> String {
    let part = |name| hostdev.child("source").and_then(|source| source.of("address", name)).unwrap_or_default();
    let plain = |name| part(name).trim_start_matches("0x").to_owned();
    format!("{}:{}:{}.{}", plain("domain"), plain("bus"), plain("slot"), plain("function"))
}

/// The domain whose running guest has it.
fn user(state: &State, device: Device) -> Option<&str> {
    let has = |xml: &Node| hostdevs(xml).any(|hostdev| address(hostdev) == device.to_string());
    let user = state.domains.iter().find(|(_, domain)| domain.live.as_ref().is_some_and(has));
    user.map(|(name, _)| name.as_str())
}

/// Why QEMU cannot have it.
pub(super) fn usable(state: &State, hostdev: &Node) -> Result<(), String> {
    let Ok(device) = address(hostdev).parse() else { panic!("{} is not simulated", address(hostdev)) };
    let in_use = "Requested operation is not valid:";
    match (device, user(state, device)) {
        (Device::Pci(address), user) => match (state.devices.pci.get(&address), user) {
            (None, _) => Err(format!("device not found: {address}")),
            (Some(PciDevice { group: None, .. }), _) => Err(NO_PASSTHROUGH.into()),
            (Some(_), Some(_)) => Err(format!("{in_use} PCI device {address} is in use by driver QEMU")),
            (Some(_), None) => {
                let is_split = state.devices.mediated.values().any(|share| share.parent == address);
                assert!(!is_split, "taking {address} from its driver, which serves mediated devices, is not simulated");
                Ok(())
            }
        },
        (Device::Mediated(uuid), _) if !state.devices.mediated.contains_key(&uuid) => {
            Err(format!("device not found: mediated device '{uuid}' not found"))
        }
        (Device::Mediated(uuid), Some(domain)) => {
            Err(format!("{in_use} mediated device {uuid} is in use by driver QEMU, domain {domain}"))
        }
        (Device::Mediated(_), None) => Ok(()),
    }
}

pub(super) fn attach(state: &mut State, name: &str, device: &Node, live: bool) -> Answer {
    let what = "Failed to attach device from /dev/stdin";
    let domain = state.domain(name)?;
    let alias = device.of("alias", "name");
    let has = |xml: &Node| hostdevs(xml).any(|other| alias.is_some() && other.of("alias", "name") == alias);
    let gives = |xml: &Node| hostdevs(xml).any(|other| address(other) == address(device));
    let Some(kept) = &domain.kept else { panic!("giving a device to a transient domain is not simulated") };
    if live && domain.live.is_none() {
        return said(what, Err("Requested operation is not valid: domain is not running".into()));
    }
    if has(kept) {
        let alias = alias.unwrap_or_default();
        return said(what, Err(format!("unsupported configuration: non unique alias detected: {alias}")));
    }
    if gives(kept) {
        return said(
            what,
            Err("Requested operation is not valid: device is already in the domain configuration".into()),
        );
    }
    if live && let Err(why) = usable(state, device) {
        return said(what, Err(why));
    }
    let domain = state.domain_mut(name)?;
    let running = domain.live.as_mut().filter(|_| live);
    for xml in running.into_iter().chain(&mut domain.kept) {
        if let Some(devices) = xml.child_mut("devices") {
            super::domain::plug(devices, device.clone());
        }
    }
    Ok(String::new())
}

pub(super) fn detach(state: &mut State, name: &str, device: &Node, live: bool) -> Result<String, Refused> {
    let what = "Failed to detach device from /dev/stdin";
    let holds = state.guests.hold_devices;
    let wanted = address(device);
    let is = |other: &Node| other.name == "hostdev" && address(other) == wanted;
    let domain = state.domain_mut(name)?;
    if live && domain.live.is_none() {
        return said(what, Err("Requested operation is not valid: domain is not running".into()));
    }
    if !domain.kept.as_ref().is_some_and(|kept| hostdevs(kept).any(is)) {
        return said(what, Err("device not found: device not present in domain configuration".into()));
    }
    let running = domain.live.as_mut().filter(|_| live && !holds);
    for xml in running.into_iter().chain(&mut domain.kept) {
        if let Some(devices) = xml.child_mut("devices") {
            devices.children.retain(|other| !is(other));
        }
    }
    Ok(String::new())
}
