//! Devices of a domain as libvirt's XML.

use crate::Actual;
use model::names;
use model::server::CephSettings;
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

/// An image of a Ceph pool, `pool/image`, as a disk of the guest. Its key is a secret of the host's libvirt.
pub fn image(image: &str, target: &str, serial: &str, ceph: &CephSettings) -> String {
    format!(
        "    <disk type='network' device='disk'>\n      <driver name='qemu' type='raw' discard='unmap'/>\n      \
         <auth username='{}'>\n        <secret type='ceph' uuid='{}'/>\n      </auth>\n      \
         <source protocol='rbd' name='{}'>\n        <config file='{}'/>\n      </source>\n      \
         <target dev='{target}' bus='virtio'/>\n      <serial>{}</serial>\n    </disk>\n",
        escape(&ceph.user),
        names::ceph_secret(&ceph.user),
        escape(image),
        escape(&ceph.conf),
        escape(serial)
    )
}

/// The first target that no volume has, of those that no disk has: `vdaa`, `vdab`, ...
pub fn free_volume_target(actual: &Actual) -> String {
    let taken = |target: &String| actual.volumes.iter().any(|volume| &volume.target == target);
    let targets = ('a'..='z').flat_map(|first| ('a'..='z').map(move |second| format!("vd{first}{second}")));
    targets.into_iter().find(|target| !taken(target)).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ActualVolume, read};
    use model::ResourceId;

    #[test]
    fn a_volume_is_as_the_golden_file_says_and_reads_back() {
        let xml = image("volumes/drover-volume-9", "vdaa", "volume-9", &CephSettings::default());
        expect_test::expect_file!["../golden/volume.xml"].assert_eq(&xml);
        let domain = format!("<domain><memory unit='MiB'>1</memory><vcpu>1</vcpu><devices>{xml}</devices></domain>");
        let mut actual = read(&domain).unwrap();
        let volume = ActualVolume { id: ResourceId(9), image: "volumes/drover-volume-9".into(), target: "vdaa".into() };
        assert_eq!((actual.disks.len(), &actual.volumes), (0, &vec![volume.clone()]));
        assert_eq!(free_volume_target(&actual), "vdab");
        actual.volumes[0].target = "vdab".into();
        assert_eq!(free_volume_target(&actual), "vdaa");
    }
}
