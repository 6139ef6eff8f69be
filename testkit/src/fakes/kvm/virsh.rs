//! `virsh -q -c URI ...`

use super::domain::{self, Domain};
use super::state::{Answer, Refused, State, refused};
use super::xml::Node;
use super::{backup, hostdev, inner, network, one, qemu_img, secret, snapshot};
use hosts::Effect::{self, Acts, Looks};

const URI: &str = "qemu:///system";

const VERSION: &str = "Compiled against library: libvirt 9.0.0\nUsing library: libvirt 9.0.0\nUsing API: QEMU 9.0.0\n\
Running hypervisor: QEMU 7.2.22\n";

const UNCONNECTED: &str = "error: failed to connect to the hypervisor\nerror: Failed to connect socket to";

pub(super) const NOT_RUNNING: &str = "Requested operation is not valid: domain is not running";

pub(super) fn answer(state: &mut State, argv: &[&str], stdin: &[u8]) -> Option<(Effect, Answer)> {
    let ["-q", "-c", uri, rest @ ..] = argv else { return None };
    let text = String::from_utf8_lossy(stdin);
    let (effect, answer) = match rest {
        ["version"] => (Looks, Ok(VERSION.to_owned())),
        ["list", "--all", "--name"] => (Looks, Ok(list(state))),
        ["dumpxml", domain, "--inactive"] => (Looks, dumpxml(state, domain, false)),
        ["dumpxml", domain] => (Looks, dumpxml(state, domain, true)),
        ["domstate", domain] => (Looks, domstate(state, domain)),
        ["dominfo", domain] => (Looks, dominfo(state, domain)),
        ["define", "/dev/stdin"] => (Acts, define(state, &text)),
        ["autostart", domain] => (Acts, autostart(state, domain, true)),
        ["autostart", domain, "--disable"] => (Acts, autostart(state, domain, false)),
        ["start", domain] => (Acts, start(state, domain)),
        ["suspend", domain] => (Acts, suspend(state, domain)),
        ["resume", domain] => (Acts, snapshot::resume(state, domain)),
        ["snapshot-list", domain, "--name", "--topological"] => (Looks, snapshot::list(state, domain, None)),
        ["snapshot-list", domain, "--name", "--topological", "--descendants", "--from", from] => {
            (Looks, snapshot::list(state, domain, Some(from)))
        }
        ["snapshot-dumpxml", domain, name] => (Looks, snapshot::dumpxml(state, domain, name)),
        ["snapshot-create", domain, "/dev/stdin"] => (Acts, snapshot::create(state, domain, &text)),
        ["snapshot-revert", domain, name] => (Acts, snapshot::revert(state, domain, name, false)),
        ["snapshot-revert", domain, name, "--paused"] => (Acts, snapshot::revert(state, domain, name, true)),
        ["snapshot-delete", domain, name] => (Acts, snapshot::delete(state, domain, name)),
        ["qemu-agent-command", domain, ask, "--timeout", _] => (Looks, snapshot::agent(state, domain, ask)),
        ["qemu-monitor-command", domain, ask] => inner::monitor(state, domain, ask),
        ["domfsfreeze", domain] => (Acts, snapshot::freeze(state, domain, true)),
        ["domfsthaw", domain] => (Acts, snapshot::freeze(state, domain, false)),
        ["shutdown", domain, "--mode", "acpi"] => (Acts, shutdown(state, domain)),
        ["destroy", domain] => (Acts, destroy(state, domain)),
        ["undefine", domain, "--managed-save", "--snapshots-metadata", "--checkpoints-metadata", "--nvram"] => {
            (Acts, undefine(state, domain))
        }
        ["attach-device", domain, "/dev/stdin", "--live", "--config"] => (Acts, attach(state, domain, &text)),
        ["attach-device", domain, "/dev/stdin", "--live"] => (Acts, one::attach_live(state, domain, &text)),
        ["attach-device", domain, "/dev/stdin", "--config"] => match device(&text) {
            device if device.name == "hostdev" => (Acts, hostdev::attach(state, domain, &device, false)),
            _ => (Acts, one::attach_kept(state, domain, &text)),
        },
        ["nodedev-list", "--cap", "pci"] => (Looks, Ok(hostdev::list(state))),
        ["nodedev-list", "--cap", "mdev"] => (Looks, Ok(hostdev::list_mediated(state))),
        ["nodedev-dumpxml", device] => (Looks, hostdev::dumpxml(state, device)),
        ["detach-device", domain, "/dev/stdin", "--live", "--config"] => (Acts, detach(state, domain, &text)),
        ["detach-device", domain, "/dev/stdin", "--live"] => (Acts, one::detach_live(state, domain, &text)),
        ["detach-device", domain, "/dev/stdin", "--config"] => match device(&text) {
            device if device.name == "hostdev" => (Acts, hostdev::detach(state, domain, &device, false)),
            _ => (Acts, one::detach_kept(state, domain, &text)),
        },
        ["secret-dumpxml", uuid] => (Looks, secret::dumpxml(state, uuid)),
        ["secret-get-value", uuid] => (Looks, secret::value(state, uuid)),
        ["secret-define", "/dev/stdin"] => (Acts, secret::define(state, &text)),
        ["secret-set-value", uuid, "--file", "/dev/stdin"] => (Acts, secret::set_value(state, uuid, &text)),
        ["secret-undefine", uuid] => (Acts, secret::undefine(state, uuid)),
        ["blockresize", domain, path, size] => (Acts, blockresize(state, domain, path, size)),
        ["setvcpus", domain, count, "--live", "--config"] => (Acts, setvcpus(state, domain, count.parse().ok()?)),
        _ => backup::answer(state, rest, &text)?,
    };
    if *uri != URI {
        let socket = uri.split_once("socket=").unwrap_or_else(|| panic!("libvirt at {uri} is not simulated")).1;
        return Some((effect, refused(1, format!("{UNCONNECTED} '{socket}': No such file or directory\n"))));
    }
    Some((effect, answer))
}

/// virsh says first what it wanted, then what libvirt said; nothing on success.
pub(super) fn said(what: &str, result: Result<(), String>) -> Answer {
    match result {
        Ok(()) => Ok(String::new()),
        Err(why) => refused(1, format!("error: {what}\nerror: {why}\n")),
    }
}

fn running<'a>(state: &'a mut State, name: &str) -> Result<Option<&'a mut Node>, Refused> {
    Ok(state.domain_mut(name)?.live.as_mut())
}

fn list(state: &State) -> String {
    // Those that run come first, in the order of their start.
    let mut names: Vec<(bool, u32, &String)> =
        state.domains.iter().map(|(name, domain)| (domain.live.is_none(), domain.id, name)).collect();
    names.sort_by_key(|(is_off, id, name)| (*is_off, if *is_off { 0 } else { *id }, *name));
    names.into_iter().map(|(_, _, name)| format!("{name}\n")).collect()
}

fn dumpxml(state: &State, name: &str, live: bool) -> Answer {
    let domain = state.domain(name)?;
    let wanted = if live { domain.live.as_ref().or(domain.kept.as_ref()) } else { domain.kept.as_ref() };
    let mut xml = wanted.or(domain.live.as_ref()).cloned().unwrap_or_default();
    if !live {
        xml.attributes.retain(|(name, _)| name != "id");
    }
    Ok(xml.write())
}

fn domstate(state: &mut State, name: &str) -> Answer {
    let domain = state.domain_mut(name)?;
    match domain.stops_in {
        Some(0) => state.stop(name),
        Some(looks) => domain.stops_in = Some(looks - 1),
        None => {}
    }
    // A transient domain is gone with its guest.
    Ok(format!("{}\n", word(state.domain(name)?)))
}

fn word(domain: &Domain) -> &'static str {
    match &domain.live {
        Some(_) if domain.is_paused => "paused",
        Some(_) => "running",
        None => "shut off",
    }
}

fn dominfo(state: &State, name: &str) -> Answer {
    let domain = state.domain(name)?;
    let none = Node::default();
    let xml = domain.live.as_ref().or(domain.kept.as_ref()).unwrap_or(&none);
    let yes = |is: bool| if is { "yes" } else { "no" };
    let id = if domain.live.is_some() { domain.id.to_string() } else { "-".into() };
    let memory = format!("{} KiB", domain::memory_kib(xml));
    let (cpus, _) = domain::cpus(xml);
    let mut rows = vec![
        ("Id:", id),
        ("Name:", name.to_owned()),
        ("UUID:", domain.uuid.clone()),
        ("OS Type:", "hvm".into()),
        ("State:", word(domain).into()),
        ("CPU(s):", cpus.to_string()),
        ("Max memory:", memory.clone()),
        ("Used memory:", memory),
        ("Persistent:", yes(domain.kept.is_some()).into()),
        ("Autostart:", if domain.autostart { "enable" } else { "disable" }.into()),
        ("Managed save:", "no".into()),
        ("Security model:", "none".into()),
        ("Security DOI:", "0".into()),
    ];
    if domain.live.is_some() {
        rows.insert(6, ("CPU time:", "0.7s".into()));
    }
    Ok(rows.into_iter().map(|(name, value)| format!("{name:15} {value}\n")).collect())
}

fn define(state: &mut State, text: &str) -> Answer {
    let has_kvm = state.files.exists("/dev/kvm");
    said("Failed to define domain from /dev/stdin", accept(state, text, has_kvm))
}

fn accept(state: &mut State, text: &str, has_kvm: bool) -> Result<(), String> {
    let xml = domain::accept(text, has_kvm)?;
    let of = |name: &str| xml.child(name).map(|child| child.text.clone()).unwrap_or_default();
    let (name, uuid) = (of("name"), of("uuid"));
    if let Some((other, _)) = state.domains.iter().find(|(other, domain)| **other != name && domain.uuid == uuid) {
        return Err(format!("operation failed: domain '{other}' is already defined with uuid {uuid}"));
    }
    if let Some(known) = state.domains.get(&name).filter(|known| known.uuid != uuid) {
        return Err(format!("operation failed: domain '{name}' already exists with uuid {}", known.uuid));
    }
    let domain = state.domains.entry(name).or_default();
    (domain.uuid, domain.kept) = (uuid, Some(xml));
    Ok(())
}

fn autostart(state: &mut State, name: &str, on: bool) -> Answer {
    let domain = state.domain_mut(name)?;
    if domain.kept.is_none() {
        let what = if on { "mark" } else { "unmark" };
        let why = "Requested operation is not valid: cannot set autostart for transient domain";
        return said(&format!("Failed to {what} domain '{name}' as autostarted"), Err(why.into()));
    }
    domain.autostart = on;
    Ok(String::new())
}

fn start(state: &mut State, name: &str) -> Answer {
    if state.domain(name)?.live.is_some() {
        return refused(1, "error: Domain is already active\n");
    }
    domain::start(state, name)?;
    Ok(String::new())
}

/// One that stands still already goes on doing so.
fn suspend(state: &mut State, name: &str) -> Answer {
    let domain = state.domain_mut(name)?;
    if domain.live.is_none() {
        return said(&format!("Failed to suspend domain '{name}'"), Err(NOT_RUNNING.into()));
    }
    domain.is_paused = true;
    Ok(String::new())
}

fn shutdown(state: &mut State, name: &str) -> Answer {
    let (ignores, looks) = (state.guests.ignore_acpi, state.guests.shut_down_after);
    let domain = state.domain_mut(name)?;
    if domain.live.is_none() {
        return said(&format!("Failed to shutdown domain '{name}'"), Err(NOT_RUNNING.into()));
    }
    if !ignores {
        domain.stops_in.get_or_insert(looks);
    }
    Ok(String::new())
}

fn destroy(state: &mut State, name: &str) -> Answer {
    if state.domain(name)?.live.is_none() {
        return said(&format!("Failed to destroy domain '{name}'"), Err(NOT_RUNNING.into()));
    }
    state.stop(name);
    Ok(String::new())
}

/// One that runs goes on, and is gone with its guest.
fn undefine(state: &mut State, name: &str) -> Answer {
    let domain = state.domain_mut(name)?;
    if domain.kept.is_none() {
        let why = "Requested operation is not valid: cannot undefine transient domain";
        return said(&format!("Failed to undefine domain '{name}'"), Err(why.into()));
    }
    (domain.kept, domain.autostart) = (None, false);
    (domain.snapshots, domain.current) = (Vec::new(), None);
    domain.backups.checkpoints.clear();
    if domain.live.is_none() {
        state.domains.remove(name);
    }
    Ok(String::new())
}

/// Both definitions, or why there are not both.
fn both<'a>(state: &'a mut State, name: &str) -> Result<Result<(&'a mut Node, &'a mut Node), String>, Refused> {
    let domain = state.domain_mut(name)?;
    Ok(match (&mut domain.live, &mut domain.kept) {
        (None, _) => Err(NOT_RUNNING.into()),
        (Some(_), None) => panic!("changing the kept definition of a transient domain is not simulated"),
        (Some(live), Some(kept)) => Ok((live, kept)),
    })
}

pub(super) fn device(text: &str) -> Node {
    let device = Node::read(text).unwrap_or_else(|reason| panic!("the device is no XML: {reason}"));
    assert!(
        ["disk", "interface", "hostdev"].contains(&device.name.as_str()),
        "a device {} is not simulated",
        device.name
    );
    device
}

fn attach(state: &mut State, name: &str, text: &str) -> Answer {
    let what = "Failed to attach device from /dev/stdin";
    state.domain(name)?;
    let device = device(text);
    if device.name == "hostdev" {
        return hostdev::attach(state, name, &device, true);
    }
    let target = device.of("target", "dev").filter(|_| device.name == "disk");
    if let Err(why) = both(state, name)? {
        return said(what, Err(why));
    }
    if let Some(live) = running(state, name)? {
        if domain::disks(live).any(|disk| target.is_some() && disk.of("target", "dev") == target) {
            let target = target.unwrap_or_default();
            return said(what, Err(format!("Requested operation is not valid: target {target} already exists")));
        }
        if !domain::has_free_port(live) {
            return said(what, Err("internal error: No more available PCI slots".into()));
        }
    }
    if let Err(why) = domain::usable(state, &device) {
        return said(what, Err(why));
    }
    if let Ok((live, kept)) = both(state, name)? {
        for devices in [live, kept].into_iter().filter_map(|xml| xml.child_mut("devices")) {
            domain::plug(devices, device.clone());
        }
    }
    Ok(String::new())
}

fn detach(state: &mut State, name: &str, text: &str) -> Answer {
    let what = "Failed to detach device from /dev/stdin";
    state.domain(name)?;
    let device = device(text);
    if device.name == "hostdev" {
        return hostdev::detach(state, name, &device, true);
    }
    let hold = state.guests.hold_devices;
    let (child, attribute) = if device.name == "disk" { ("target", "dev") } else { ("mac", "address") };
    let sign = device.of(child, attribute).unwrap_or_default().to_owned();
    let is = |other: &Node| other.name == device.name && other.of(child, attribute) == Some(&sign);
    let (live, kept) = match both(state, name)? {
        Ok(both) => both,
        Err(why) => return said(what, Err(why)),
    };
    let Some(at) = kept.child("devices").and_then(|devices| devices.children.iter().position(is)) else {
        return said(what, Err(format!("device not found: {}", missing(&device.name, &sign))));
    };
    if let Some(devices) = kept.child_mut("devices") {
        devices.children.remove(at);
    }
    let devices = live.child_mut("devices").map(|devices| &mut devices.children);
    let at = devices.as_ref().and_then(|devices| devices.iter().position(is));
    let (Some(devices), Some(at)) = (devices, at) else {
        panic!("detaching {sign}, which is kept and does not run, is not simulated");
    };
    if !hold {
        devices.remove(at);
    }
    Ok(String::new())
}

pub(super) fn missing(device: &str, sign: &str) -> String {
    if device == "disk" {
        return format!("no target device {sign}");
    }
    format!("no device found at address '(<null>)' matching MAC address '{sign}' and alias '(<null>)'")
}

fn blockresize(state: &mut State, name: &str, path: &str, size: &str) -> Answer {
    let what = format!("Failed to resize block device '{path}'");
    let Some(live) = running(state, name)? else { return said(&what, Err(NOT_RUNNING.into())) };
    let image = domain::disks(live).find(|disk| disk.of("target", "dev") == Some(path)).and_then(network::image);
    if let Some(image) = image.map(str::to_owned) {
        if let Some(cluster) = &state.ceph {
            cluster.state().resize(&image, qemu_img::size(size));
        }
        return Ok(String::new());
    }
    if !domain::disks(live).any(|disk| disk.of("source", "file") == Some(path)) {
        return said(&what, Err(format!("invalid argument: disk '{path}' was not found in the domain config")));
    }
    let bytes = qemu_img::size(size);
    let resized = state.files.read_mut(path).is_some_and(|file| qemu_img::resize(&mut file.bytes, bytes));
    assert!(resized, "resizing {path}, which is no qcow2 file, is not simulated");
    Ok(String::new())
}

fn setvcpus(state: &mut State, name: &str, count: u32) -> Answer {
    let (live, kept) = match both(state, name)? {
        Ok(both) => both,
        Err(why) => return refused(1, format!("error: {why}\n")),
    };
    let (present, most) = domain::cpus(live);
    if count > most {
        let why = "invalid argument: requested vcpus is greater than max allowable vcpus for the live domain";
        return refused(1, format!("error: {why}: {count} > {most}\n"));
    }
    if count < present {
        let why = "failed to find appropriate hotpluggable vcpus to reach the desired target vcpu count";
        return refused(1, format!("error: unsupported configuration: {why}\n"));
    }
    domain::set_cpus(live, count);
    domain::set_cpus(kept, count);
    Ok(String::new())
}
