//! Devices of a domain as libvirt's XML.

use crate::Actual;
use quick_xml::escape::escape;

/// Marks a domain as drover's and says whose it is.
pub const NAMESPACE: &str = "urn:drover:vm";

/// `vda`, `vdb`, ...
pub fn target(index: usize) -> String {
    format!("vd{}", char::from(b'a' + (index.min(24)) as u8))
}

/// A disk of the guest; its serial is its name, by which it is told apart.
pub fn disk(path: &str, target: &str, name: &str) -> String {
    format!(
        "    <disk type='file' device='disk'>\n      <driver name='qemu' type='qcow2' discard='unmap'/>\n      <source file='{}'/>\n      \
         <target dev='{target}' bus='virtio'/>\n      <serial>{}</serial>\n    </disk>\n",
        escape(path),
        escape(name)
    )
}

pub fn nic(mac: &str, bridge: &str) -> String {
    format!(
        "    <interface type='bridge'>\n      <mac address='{mac}'/>\n      <source bridge='{}'/>\n      <model type='virtio'/>\n    </interface>\n",
        escape(bridge)
    )
}

/// The first target that no disk has.
pub fn free_target(actual: &Actual) -> String {
    let taken = |target: &String| actual.disks.iter().any(|disk| &disk.target == target);
    (0..25).map(target).find(|target| !taken(target)).unwrap_or_else(|| self::target(24))
}
