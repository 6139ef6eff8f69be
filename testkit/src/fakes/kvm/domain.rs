//! A domain: what is kept of it, what runs of it, and what libvirt makes of a definition.

use super::backup::Backups;
use super::state::{Refused, State};
use super::xml::Node;

#[derive(Clone, Debug, Default)]
pub(super) struct Domain {
    pub uuid: String,
    /// What the next start uses; none while it is transient.
    pub kept: Option<Node>,
    /// What runs now.
    pub live: Option<Node>,
    pub id: u32,
    pub autostart: bool,
    pub backups: Backups,
    /// The power button was pressed: how often its state is still asked for until it is off.
    pub stops_in: Option<u32>,
}

const EMULATOR: &str = "/usr/bin/qemu-system-x86_64";

/// Devices of q35 that libvirt adds and that take a port: USB, virtio-serial, balloon, random numbers.
const OWN_PORTS: usize = 4;

fn devices(domain: &Node) -> impl Iterator<Item = &Node> {
    domain.child("devices").into_iter().flat_map(|devices| &devices.children)
}

pub(super) fn disks(domain: &Node) -> impl Iterator<Item = &Node> {
    devices(domain).filter(|device| device.name == "disk")
}

pub(super) fn nics(domain: &Node) -> impl Iterator<Item = &Node> {
    devices(domain).filter(|device| device.name == "interface")
}

/// libvirt writes devices of one sort behind one another.
pub(super) fn plug(devices: &mut Node, device: Node) {
    let last = devices.children.iter().rposition(|other| other.name == device.name);
    devices.children.insert(last.map_or(devices.children.len(), |last| last + 1), device);
}

/// Whether one more device can be plugged in.
pub(super) fn has_free_port(domain: &Node) -> bool {
    let ports = devices(domain).filter(|device| device.attribute("model") == Some("pcie-root-port")).count();
    disks(domain).count() + nics(domain).count() + OWN_PORTS < ports
}

/// Present and most processors.
pub(super) fn cpus(domain: &Node) -> (u32, u32) {
    let vcpu = domain.child("vcpu");
    let most = vcpu.and_then(|vcpu| vcpu.text.parse().ok()).unwrap_or(1);
    let present = vcpu.and_then(|vcpu| vcpu.attribute("current")).and_then(|current| current.parse().ok());
    (present.unwrap_or(most), most)
}

pub(super) fn set_cpus(domain: &mut Node, count: u32) {
    let (_, most) = cpus(domain);
    let Some(vcpu) = domain.child_mut("vcpu") else { return };
    if count == most {
        vcpu.attributes.retain(|(name, _)| name != "current");
    } else {
        vcpu.set("current", count.to_string());
    }
}

pub(super) fn memory_kib(domain: &Node) -> u64 {
    domain.child("memory").and_then(|memory| memory.text.parse().ok()).unwrap_or(0)
}

/// A definition as libvirt keeps it; gives why it refuses.
pub(super) fn accept(text: &str, has_kvm: bool) -> Result<Node, String> {
    let mut domain = Node::read(text).map_err(|reason| format!("(domain_definition):1: {reason}"))?;
    let kind = domain.attribute("type").unwrap_or_default().to_owned();
    if kind == "kvm" && !has_kvm {
        return Err(format!("unsupported configuration: Emulator '{EMULATOR}' does not support virt type 'kvm'"));
    }
    assert!(["kvm", "qemu"].contains(&kind.as_str()), "a domain of type {kind:?} is not simulated");
    assert!(
        domain.child("name").is_some() && domain.child("uuid").is_some(),
        "a domain without name and uuid is not simulated"
    );
    let memory = domain
        .child_mut("memory")
        .ok_or("XML error: Memory size must be specified via <memory> or in the <numa> configuration")?;
    let factor = match memory.attribute("unit") {
        None | Some("KiB") => 1,
        Some("MiB") => 1024,
        Some("GiB") => 1024 * 1024,
        Some(other) => panic!("memory in {other} is not simulated"),
    };
    let kib = memory.text.parse::<u64>().map_err(|_| "XML error: cannot parse memory")? * factor;
    let memory = |name: &str| Node::new(name).with("unit", "KiB").saying(kib.to_string());
    let at = domain.children.iter().position(|child| child.name == "memory").unwrap_or(0);
    domain.children[at] = memory("memory");
    domain.children.insert(at + 1, memory("currentMemory"));
    let (present, most) = cpus(&domain);
    if present > most {
        return Err("unsupported configuration: maximum vCPU count must not be less than current vCPU count".into());
    }
    set_cpus(&mut domain, present);
    if let Some(machine) = domain.child_mut("os").and_then(|os| os.child_mut("type")) {
        machine.set("machine", "pc-q35-7.2");
    }
    unique_targets(&domain)?;
    if let Some(devices) = domain.child_mut("devices") {
        devices.children.insert(0, Node::new("emulator").saying(EMULATOR));
        devices.children.push(Node::new("memballoon").with("model", "virtio"));
    }
    Ok(domain)
}

fn unique_targets(domain: &Node) -> Result<(), String> {
    let disks: Vec<&Node> = disks(domain).collect();
    for (index, disk) in disks.iter().enumerate() {
        let target = disk.of("target", "dev");
        if let Some(other) = disks[..index].iter().find(|other| other.of("target", "dev") == target) {
            let source = |disk: &Node| disk.of("source", "file").unwrap_or_default().to_owned();
            let target = target.unwrap_or_default();
            return Err(format!(
                "XML error: target '{target}' duplicated for disk sources '{}' and '{}'",
                source(other),
                source(disk)
            ));
        }
    }
    Ok(())
}

/// What QEMU needs of the host for this device; gives why it is not there.
pub(super) fn usable(state: &State, device: &Node) -> Result<(), String> {
    if let Some(bridge) = device.of("source", "bridge")
        && !state.bridges.contains_key(bridge)
    {
        return Err(format!("Cannot get interface MTU on '{bridge}': No such device"));
    }
    super::network::usable(state, device)?;
    let Some(path) = device.of("source", "file") else { return Ok(()) };
    let access = "(as uid:0, gid:0)";
    let file = match state.files.read(path) {
        Ok(file) => file,
        Err(wrong) => return Err(format!("Cannot access storage file '{path}' {access}: {}", wrong.text())),
    };
    if let Some(base) = super::qemu_img::backing(&file.bytes)
        && let Err(wrong) = state.files.read(&base)
    {
        return Err(format!("Cannot access backing file '{base}' of storage file '{path}' {access}: {}", wrong.text()));
    }
    if device.child("readonly").is_none() && state.is_open(path) {
        return Err(
            "internal error: unable to execute QEMU command 'blockdev-add': Failed to get \"write\" lock".into()
        );
    }
    Ok(())
}

/// Makes what is kept of a domain run.
pub(super) fn start(state: &mut State, name: &str) -> Result<(), Refused> {
    let mut live = state.domain(name)?.kept.clone().unwrap_or_default();
    let failed =
        |why: String| Refused { status: 1, stderr: format!("error: Failed to start domain '{name}'\nerror: {why}\n") };
    for device in disks(&live).chain(nics(&live)) {
        usable(state, device).map_err(failed)?;
    }
    if let Some(log) = devices(&live).find_map(|device| device.of("log", "file")).map(str::to_owned)
        && !state.files.exists(&log)
        && let Err(wrong) = state.files.write(&log, Vec::new(), 0o600)
    {
        return Err(failed(format!("Unable to open file: {log}: {}", wrong.text())));
    }
    for device in disks(&live) {
        super::network::open(state, device, name);
    }
    state.domain_id += 1;
    let id = state.domain_id;
    live.set("id", id.to_string());
    let domain = state.domain_mut(name)?;
    (domain.live, domain.id, domain.stops_in) = (Some(live), id, None);
    Ok(())
}
