//! A disk that comes into, or goes from, one of a domain's two definitions.

use super::domain::{self, Domain};
use super::network;
use super::state::{Answer, State};
use super::virsh::{NOT_RUNNING, device, missing, said};
use super::xml::Node;

const ATTACH: &str = "Failed to attach device from /dev/stdin";
const DETACH: &str = "Failed to detach device from /dev/stdin";

fn target(device: &Node) -> &str {
    device.of("target", "dev").unwrap_or_default()
}

fn has(xml: &Node, target: &str) -> bool {
    domain::disks(xml).any(|disk| self::target(disk) == target)
}

fn plug(xml: Option<&mut Node>, device: Node) {
    if let Some(devices) = xml.and_then(|xml| xml.child_mut("devices")) {
        domain::plug(devices, device);
    }
}

fn take(xml: &mut Node, target: &str) {
    if let Some(devices) = xml.child_mut("devices") {
        devices.children.retain(|device| device.name != "disk" || self::target(device) != target);
    }
}

fn definition(domain: &mut Domain) -> &mut Node {
    domain.kept.as_mut().unwrap_or_else(|| panic!("changing the definition of a transient domain is not simulated"))
}

pub(super) fn attach_kept(state: &mut State, name: &str, text: &str) -> Answer {
    let device = device(text);
    let kept = definition(state.domain_mut(name)?);
    if has(kept, target(&device)) {
        let why = format!("Requested operation is not valid: target {} already exists", target(&device));
        return said(ATTACH, Err(why));
    }
    plug(Some(kept), device);
    Ok(String::new())
}

pub(super) fn attach_live(state: &mut State, name: &str, text: &str) -> Answer {
    let device = device(text);
    let Some(live) = &state.domain(name)?.live else { return said(ATTACH, Err(NOT_RUNNING.into())) };
    if has(live, target(&device)) {
        let why = format!("XML error: target '{}' duplicated for disk sources", target(&device));
        return said(ATTACH, Err(why));
    }
    if !domain::has_free_port(live) {
        return said(ATTACH, Err("internal error: No more available PCI slots".into()));
    }
    if let Err(why) = domain::usable(state, &device) {
        return said(ATTACH, Err(why));
    }
    network::open(state, &device, name);
    plug(state.domain_mut(name)?.live.as_mut(), device);
    Ok(String::new())
}

pub(super) fn detach_kept(state: &mut State, name: &str, text: &str) -> Answer {
    let device = device(text);
    let kept = definition(state.domain_mut(name)?);
    if !has(kept, target(&device)) {
        return said(DETACH, Err(format!("device not found: {}", missing("disk", target(&device)))));
    }
    take(kept, target(&device));
    Ok(String::new())
}

pub(super) fn detach_live(state: &mut State, name: &str, text: &str) -> Answer {
    let device = device(text);
    let hold = state.guests.hold_devices;
    let Some(live) = &mut state.domain_mut(name)?.live else { return said(DETACH, Err(NOT_RUNNING.into())) };
    if !has(live, target(&device)) {
        return said(DETACH, Err(format!("device not found: disk {} not found", target(&device))));
    }
    if !hold {
        take(live, target(&device));
        network::close(state, &device, name);
    }
    Ok(String::new())
}
