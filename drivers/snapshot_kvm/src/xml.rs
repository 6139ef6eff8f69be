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
}

/// How a snapshot is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By libvirt, with the memory of a guest that runs.
    Whole,
    /// Each disk by itself: libvirt takes all disks or none, and none of a storage cluster.
    ByDisk,
}

/// How a snapshot can be taken of this domain; gives why none can.
pub fn way(domain: &str, runs: bool) -> Result<Way, String> {
    let domain: Domain =
        quick_xml::de::from_str(domain).map_err(|error| format!("its definition cannot be read: {error}"))?;
    if domain.devices.disk.iter().any(|disk| disk.kind == "network") {
        return Ok(Way::ByDisk);
    }
    match memory_obstacle(&domain) {
        Some(reason) if runs => Err(format!("it runs and {reason}; while it is quiesced it can")),
        _ => Ok(Way::Whole),
    }
}

fn memory_obstacle(domain: &Domain) -> Option<&'static str> {
    let is_pflash = |loader: &Loader| loader.kind.as_deref() == Some("pflash");
    if domain.os.firmware.is_some() || domain.os.loader.as_ref().is_some_and(is_pflash) {
        return Some("boots by UEFI, whose variables are not in the disks");
    }
    (!domain.devices.hostdev.is_empty()).then_some("has a device of its host, whose state cannot be saved")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_snapshot_is_as_the_golden_file_says() {
        let found = snapshot(ResourceId(9), ResourceId(7), true);
        expect_test::expect_file!["../golden/snapshot.xml"].assert_eq(&found);
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
        assert_eq!(way(&domain(plain, ""), true), Ok(Way::Whole));
        let cluster = "<disk type='network' device='disk'><serial>fast</serial></disk>";
        for (os, device, word) in [
            ("<os firmware='efi'><type>hvm</type></os>", "", "UEFI"),
            ("<os><loader readonly='yes' type='pflash'>/x.fd</loader></os>", "", "UEFI"),
            (plain, "<hostdev mode='subsystem' type='pci'><source/></hostdev>", "device of its host"),
        ] {
            assert!(way(&domain(os, device), true).is_err_and(|reason| reason.contains(word)), "{os} {device}");
            assert_eq!(way(&domain(os, device), false), Ok(Way::Whole), "{os} {device}");
            // Without memory there is nothing in its way.
            assert_eq!(way(&domain(os, &format!("{device}{cluster}")), true), Ok(Way::ByDisk));
        }
    }
}
