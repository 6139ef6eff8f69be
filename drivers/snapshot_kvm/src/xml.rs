//! A snapshot as libvirt's XML, and what in a domain's XML is in a snapshot's way: pure functions.

use commands::virsh;
use domains::Actual;
use errors::Fault;
use lifecycle::Context;
use model::{ResourceId, names};
use serde::Deserialize;

const FROZEN: &str = ", file systems frozen";

/// Libvirt takes what is not said from the domain: every disk that can be written to, and the memory of a guest that runs.
pub fn snapshot(snapshot: ResourceId, vm: ResourceId, frozen: bool) -> String {
    let frozen = if frozen { FROZEN } else { "" };
    format!(
        "<domainsnapshot>\n  <name>{}</name>\n  <description>drover: snapshot {snapshot} of vm {vm}{frozen}</description>\n\
         </domainsnapshot>\n",
        names::snapshot(snapshot)
    )
}

/// Whether the guest's file systems stood still when it was taken.
pub fn was_frozen(description: &str) -> bool {
    description.ends_with(FROZEN)
}

/// The VM as it was.
pub fn domain(cx: &Context, kept: &virsh::snapshot::Snapshot) -> Result<Actual, Fault> {
    domains::read(&kept.domain).map_err(|reason| {
        Fault::new(&errors::driver::ANSWER_UNREADABLE)
            .hole("program", "virsh snapshot-dumpxml")
            .hole("host", cx.host())
            .hole("reason", reason)
    })
}

#[derive(Deserialize)]
struct Domain {
    os: Os,
    devices: Devices,
}

#[derive(Deserialize)]
struct Os {
    #[serde(rename = "@firmware", default)]
    firmware: Option<String>,
    #[serde(default)]
    loader: Option<Loader>,
}

#[derive(Deserialize)]
struct Loader {
    #[serde(rename = "@type", default)]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Devices {
    #[serde(default)]
    disk: Vec<Disk>,
    #[serde(default)]
    hostdev: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Disk {
    #[serde(rename = "@type")]
    kind: String,
    #[serde(default)]
    serial: Option<String>,
}

/// Why no snapshot can be taken of this domain; none when one can.
pub fn obstacle(domain: &str, runs: bool) -> Option<String> {
    let domain: Domain = match quick_xml::de::from_str(domain) {
        Ok(domain) => domain,
        Err(error) => return Some(format!("its definition cannot be read: {error}")),
    };
    if let Some(disk) = domain.devices.disk.iter().find(|disk| disk.kind == "network") {
        let name = disk.serial.as_deref().unwrap_or("?");
        return Some(format!("its disk {name} is a volume of a storage cluster, not a qcow2 file"));
    }
    if !runs {
        return None;
    }
    let is_pflash = |loader: &Loader| loader.kind.as_deref() == Some("pflash");
    if domain.os.firmware.is_some() || domain.os.loader.as_ref().is_some_and(is_pflash) {
        return Some(
            "it runs and boots by UEFI, whose variables are not in the disks; while it is quiesced it can".into(),
        );
    }
    let has_device = !domain.devices.hostdev.is_empty();
    has_device
        .then(|| "it runs with a device of its host, whose state cannot be saved; while it is quiesced it can".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_snapshot_is_as_the_golden_file_says() {
        let found = snapshot(ResourceId(9), ResourceId(7), true);
        assert_eq!(found, include_str!("../golden/snapshot.xml"));
        let description = |xml: &str| {
            let text = xml.split("<description>").nth(1).and_then(|rest| rest.split("</description>").next());
            was_frozen(text.unwrap())
        };
        assert!(description(&found));
        assert!(!description(&snapshot(ResourceId(9), ResourceId(7), false)));
    }

    #[test]
    fn what_libvirt_cannot_snapshot_is_told_beforehand() {
        let domain = |os: &str, device: &str| {
            format!(
                "<domain type='kvm'>{os}<devices><disk type='file' device='disk'><serial>root</serial></disk>{device}\
                 </devices></domain>"
            )
        };
        let plain = "<os><type>hvm</type><boot dev='hd'/></os>";
        assert_eq!(obstacle(&domain(plain, ""), true), None);
        for (os, device, word) in [
            ("<os firmware='efi'><type>hvm</type></os>", "", "UEFI"),
            ("<os><loader readonly='yes' type='pflash'>/x.fd</loader></os>", "", "UEFI"),
            (plain, "<disk type='network' device='disk'><serial>fast</serial></disk>", "fast"),
            (plain, "<hostdev mode='subsystem' type='pci'><source/></hostdev>", "device of its host"),
        ] {
            assert!(obstacle(&domain(os, device), true).is_some_and(|reason| reason.contains(word)), "{os} {device}");
            assert_eq!(obstacle(&domain(os, device), false).is_some(), word == "fast", "{os} {device}");
        }
    }
}
