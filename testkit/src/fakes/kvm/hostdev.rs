//! PCI devices of the host, as `virsh nodedev-dumpxml` shows them and as domains are given them. Without an IOMMU group a device
//! can be in a definition and in no guest. No real machine of the tests has one: what a guest does with such a device is told
//! by libvirt's documentation alone.

use super::state::{Answer, Refused, State, refused};
use super::virsh::said;
use super::xml::Node;
use model::names;
use model::pci::PciAddress;
use std::collections::BTreeMap;

/// A device of the host.
#[derive(Clone, Debug)]
pub struct PciDevice {
    /// `0x030000`
    pub class: &'static str,
    pub driver: Option<&'static str>,
    /// Its IOMMU group.
    pub group: Option<u32>,
}

pub(super) type Devices = BTreeMap<PciAddress, PciDevice>;

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
    state.devices.keys().map(|address| format!("{}\n", names::node_device(*address))).collect()
}

pub(super) fn dumpxml(state: &State, name: &str) -> Answer {
    let Some((address, device)) = state.devices.iter().find(|(address, _)| names::node_device(**address) == name)
    else {
        let why = format!("error: Node device not found: no node device with matching name '{name}'\n");
        return refused(1, format!("error: Could not find matching device '{name}'\n{why}"));
    };
    let mut node = Node::new("device");
    node.children.push(Node::new("name").saying(name));
    let driver = if is_given(state, *address) { Some("vfio-pci") } else { device.driver };
    node.children.extend(driver.map(|driver| {
        let mut found = Node::new("driver");
        found.children.push(Node::new("name").saying(driver));
        found
    }));
    let mut pci = Node::new("capability").with("type", "pci");
    pci.children.push(Node::new("class").saying(device.class));
    let PciAddress { domain, bus, slot, function } = *address;
    let numbers =
        [("domain", u32::from(domain)), ("bus", bus.into()), ("slot", slot.into()), ("function", function.into())];
    pci.children.extend(numbers.map(|(name, number)| Node::new(name).saying(number.to_string())));
    pci.children.push(Node::new("product").with("id", "0x2204").saying("GA102"));
    pci.children.push(Node::new("vendor").with("id", "0x10de").saying("NVIDIA Corporation"));
    if let Some(number) = device.group {
        let mut group = Node::new("iommuGroup").with("number", number.to_string());
        for (member, _) in state.devices.iter().filter(|(_, other)| other.group == Some(number)) {
            let one =
                parts(*member).into_iter().fold(Node::new("address"), |node, (name, value)| node.with(name, value));
            group.children.push(one);
        }
        pci.children.push(group);
    }
    node.children.push(pci);
    Ok(node.write())
}

pub(super) fn hostdevs(domain: &Node) -> impl Iterator<Item = &Node> {
    domain.child("devices").into_iter().flat_map(|devices| &devices.children).filter(|device| device.name == "hostdev")
}

/// Where the host's device is that a domain is given.
pub(super) fn address(hostdev: &Node) -> String {
    let part = |name| hostdev.child("source").and_then(|source| source.of("address", name)).unwrap_or_default();
    let plain = |name| part(name).trim_start_matches("0x").to_owned();
    format!("{}:{}:{}.{}", plain("domain"), plain("bus"), plain("slot"), plain("function"))
}

/// Whether a running guest has it.
fn is_given(state: &State, device: PciAddress) -> bool {
    let running = state.domains.values().filter_map(|domain| domain.live.as_ref());
    running.flat_map(hostdevs).any(|hostdev| address(hostdev) == device.to_string())
}

/// Why QEMU cannot have it.
pub(super) fn usable(state: &State, hostdev: &Node) -> Result<(), String> {
    let address = address(hostdev);
    let device = address.parse().ok().and_then(|address: PciAddress| Some((address, state.devices.get(&address)?)));
    match device {
        None => Err(format!("device not found: {address}")),
        Some((_, PciDevice { group: None, .. })) => Err(NO_PASSTHROUGH.into()),
        Some((found, _)) if is_given(state, found) => {
            Err(format!("Requested operation is not valid: PCI device {address} is in use by driver QEMU"))
        }
        Some(_) => Ok(()),
    }
}

pub(super) fn attach(state: &mut State, name: &str, device: &Node, live: bool) -> Answer {
    let what = "Failed to attach device from /dev/stdin";
    let domain = state.domain(name)?;
    let alias = device.of("alias", "name");
    let has = |xml: &Node| hostdevs(xml).any(|other| alias.is_some() && other.of("alias", "name") == alias);
    let Some(kept) = &domain.kept else { panic!("giving a device to a transient domain is not simulated") };
    if live && domain.live.is_none() {
        return said(what, Err("Requested operation is not valid: domain is not running".into()));
    }
    if has(kept) {
        let alias = alias.unwrap_or_default();
        return said(what, Err(format!("unsupported configuration: non unique alias detected: {alias}")));
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
