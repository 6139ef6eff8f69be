//! Names of outside things, each made in one function, so that build and scrub cannot disagree; and checks of names.

mod checks;

pub use checks::*;

use crate::device::Device;
use crate::errand::Sort;
use crate::lock::LockName;
use crate::pci::PciAddress;
use crate::virtual_router::pair::Seat;
use crate::{ImageId, ResourceId, SegmentId};
use sha2::{Digest, Sha256};
use std::net::{IpAddr, Ipv6Addr};
use uuid::Uuid;

/// The libvirt domain of a VM: `drover-7`.
pub fn domain(vm: ResourceId) -> String {
    format!("drover-{vm}")
}

/// The Linux bridge of a segment on a host, at most 15 bytes as the kernel wants: `br-17-web`. The number alone tells
/// segments apart; the name is for people.
pub fn bridge(id: SegmentId, segment: &str) -> String {
    let mut name = format!("br-{id}-{segment}");
    name.truncate(15);
    name.trim_end_matches('-').to_owned()
}

/// What carries a segment into its bridge from other hosts, a VLAN or a VXLAN: `dc-12`.
pub fn carrier(segment: SegmentId) -> String {
    format!("dc-{segment}")
}

pub fn is_carrier(link: &str) -> bool {
    link.strip_prefix("dc-").is_some_and(|id| id.parse::<SegmentId>().is_ok())
}

/// The segment whose bridge this is; none for a bridge of another maker.
pub fn segment_of(bridge: &str) -> Option<SegmentId> {
    bridge.strip_prefix("br-")?.split('-').next()?.parse().ok()
}

/// The network namespace of a virtual router: `drover-r7`.
pub fn router_namespace(router: ResourceId) -> String {
    format!("drover-r{router}")
}

/// The folder of a router on its node: what it is made from, and its leases.
pub fn router_folder(storage: &str, router: ResourceId) -> String {
    format!("{storage}/routers/{router}")
}

/// What brings a router back when its node starts.
pub fn router_unit(router: ResourceId) -> String {
    format!("drover-r{router}.service")
}

pub fn router_unit_file(router: ResourceId) -> String {
    format!("/etc/systemd/system/{}", router_unit(router))
}

/// The group of a router's links on its node, by which they are listed: 1,000,000,000 and its id.
pub fn router_group(router: ResourceId) -> u32 {
    1_000_000_000 + (router.0 as u64 % 1_000_000_000) as u32
}

/// The node's end of a router's way out, and of its way into a segment.
pub fn uplink_port(router: ResourceId) -> String {
    format!("dr-u{router}")
}

/// A standby's is another one.
pub fn segment_port(segment: SegmentId, seat: Seat) -> String {
    match seat {
        Seat::First => format!("dr-s{segment}"),
        Seat::Second => format!("dr-t{segment}"),
    }
}

/// The router's end of its way out.
pub const UPLINK: &str = "uplink";

/// The router's end of its way into a segment.
pub fn segment_link(segment: SegmentId) -> String {
    format!("{SEGMENT}{segment}")
}

const SEGMENT: &str = "seg-";

/// Whether a link of a router's namespace leads into a segment.
pub fn is_segment_link(link: &str) -> bool {
    link.starts_with(SEGMENT)
}

/// A WireGuard VPN of a router: `wg7-` and a mark of its name. Its control socket in user space has this name on the whole
/// node, so it is another for every router.
pub fn vpn_link(router: ResourceId, vpn: &str) -> String {
    format!("wg{router}-{}", vpn_mark(vpn))
}

/// As long as the kernel's limit for links leaves room.
pub fn vpn_mark(vpn: &str) -> String {
    let mut mark: String = Sha256::digest(vpn).iter().take(3).map(|byte| format!("{byte:02x}")).collect();
    mark.truncate(5);
    mark
}

/// Whether a link of a router's namespace is a VPN of its.
pub fn is_vpn_link(router: ResourceId, link: &str) -> bool {
    link.starts_with(&format!("wg{router}-"))
}

/// Where WireGuard in user space has its control sockets.
pub const VPN_SOCKETS: &str = "/var/run/wireguard";

/// Of the router's own ends: the same after a reboot, so that no neighbour has to learn anew.
pub fn uplink_mac(router: ResourceId) -> String {
    router_mac(0x75, router.0 as u32)
}

pub fn segment_mac(segment: SegmentId, seat: Seat) -> String {
    let which = match seat {
        Seat::First => 0x73,
        Seat::Second => 0x74,
    };
    router_mac(which, segment.0 as u32)
}

/// The address on its way out from which a router of a pair speaks to the other one: another for every router of a fleet.
pub fn pair_address(router: ResourceId) -> Ipv6Addr {
    link_local(0, router)
}

/// The address of which the two speak: whoever has it has all others too. It is always the same.
pub fn shared_address(first: ResourceId) -> Ipv6Addr {
    link_local(1, first)
}

/// Whether a router has, or once had, this address because of its pair.
pub fn is_pair_address(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if matches!(address.segments(), [0xfe80, 0, 0, 0, 0x6472, 0, ..]))
}

fn link_local(which: u16, router: ResourceId) -> Ipv6Addr {
    let [.., a, b, c, d] = router.0.to_be_bytes();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    // The letters of drover's links, `dr`.
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0x6472, which, high, low)
}

fn router_mac(which: u8, number: u32) -> String {
    let [a, b, c, d] = number.to_be_bytes();
    format!("02:{which:02x}:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

/// The folder of a VM on its host: disks, seed, serial log.
pub fn vm_folder(storage: &str, vm: ResourceId) -> String {
    format!("{storage}/vms/{vm}")
}

pub fn disk(storage: &str, vm: ResourceId, disk: &str) -> String {
    format!("{}/{disk}.qcow2", vm_folder(storage, vm))
}

pub fn seed(storage: &str, vm: ResourceId) -> String {
    format!("{}/seed.img", vm_folder(storage, vm))
}

pub fn serial_log(storage: &str, vm: ResourceId) -> String {
    format!("{}/serial.log", vm_folder(storage, vm))
}

/// A snapshot as libvirt and QEMU know it: `drover-9`.
pub fn snapshot(snapshot: ResourceId) -> String {
    format!("drover-{snapshot}")
}

/// The snapshot that is named so; none for one of another maker.
pub fn snapshot_of(name: &str) -> Option<ResourceId> {
    name.strip_prefix("drover-")?.parse().ok()
}

/// A snapshot of an image or the like: `pool/image@drover-9`.
pub fn at(image: &str, snapshot: &str) -> String {
    format!("{image}@{snapshot}")
}

/// Where a host keeps what a snapshot is that was taken disk by disk.
pub fn snapshot_note(storage: &str, vm: ResourceId, snapshot: &str) -> String {
    format!("{}/{snapshot}.json", vm_folder(storage, vm))
}

/// Where a host keeps which revert a VM has last been through.
pub fn reverted(storage: &str, vm: ResourceId) -> String {
    format!("{}/reverted", vm_folder(storage, vm))
}

/// A PCI device as libvirt knows it: `pci_0000_65_00_0`.
pub fn node_device(address: PciAddress) -> String {
    format!("pci_{}", address.to_string().replace([':', '.'], "_"))
}

/// The PCI device of this name of libvirt's; none of a device of another sort.
pub fn address_of_node(name: &str) -> Option<PciAddress> {
    let parts: Vec<&str> = name.strip_prefix("pci_")?.split('_').collect();
    let [domain, bus, slot, function] = parts[..] else { return None };
    format!("{domain}:{bus}:{slot}.{function}").parse().ok()
}

/// How libvirt's names of a mediated device begin: `mdev_c60cc60c_0f2d_4d1a_9d0b_6f5a3c1e7b21`; newer ones name the parent too.
pub fn mediated_device(uuid: Uuid) -> String {
    format!("mdev_{}", uuid.to_string().replace('-', "_"))
}

/// A device that is given to a VM, in its definition. Libvirt keeps only names that begin with `ua-`.
pub fn hostdev_alias(gpu: ResourceId, device: Device) -> String {
    format!("ua-drover-{gpu}-{}", device.to_string().replace([':', '.'], "-"))
}

/// The gpu whose device has this name; none for one of another maker.
pub fn gpu_of(alias: &str) -> Option<ResourceId> {
    alias.strip_prefix("ua-drover-")?.split('-').next()?.parse().ok()
}

/// The checkpoint of a backup: `drover-31`.
pub fn checkpoint(backup: ResourceId) -> String {
    format!("drover-{backup}")
}

/// The repository when none is named.
pub fn backups(storage: &str) -> String {
    format!("{storage}/backups")
}

/// What says which repository a folder is: an empty file of this name.
pub fn repository_marker(folder: &str, id: &str) -> String {
    format!("{folder}/{REPOSITORY}{id}")
}

/// The id that a file of a repository's folder gives it.
pub fn repository_of(file: &str) -> Option<&str> {
    file.strip_prefix(REPOSITORY).filter(|id| !id.is_empty())
}

const REPOSITORY: &str = "drover-repository.";

/// What a host knows of a repository that is on a file system of its own.
pub fn known_repository(storage: &str, word: &str) -> String {
    format!("{storage}/repositories/{word}")
}

/// Where backups are made that go to another machine.
pub fn outgoing_backups(storage: &str) -> String {
    format!("{storage}/outgoing")
}

/// A VM's backups in a repository.
pub fn backups_of(repository: &str, vm: ResourceId) -> String {
    format!("{repository}/{vm}")
}

/// A finished backup.
pub fn backup(repository: &str, vm: ResourceId, backup: ResourceId) -> String {
    format!("{}/{backup}", backups_of(repository, vm))
}

/// One that is being made.
pub fn backup_part(repository: &str, vm: ResourceId, backup: ResourceId) -> String {
    format!("{}.part", self::backup(repository, vm, backup))
}

/// An image in the host's cache, named by its content.
pub fn cached_image(storage: &str, image: ImageId, sha256: &str) -> String {
    format!("{storage}/images/{image}-{}", &sha256[..16.min(sha256.len())])
}

/// The RBD image of a volume, in the volume's pool: `drover-volume-7`.
pub fn volume(volume: ResourceId) -> String {
    format!("{VOLUME}{volume}")
}

const VOLUME: &str = "drover-volume-";

/// The volume whose image this is; none for another image.
pub fn volume_of(image: &str) -> Option<ResourceId> {
    image.strip_prefix(VOLUME)?.parse().ok()
}

/// The RBD image of a VM's disk: `drover-vm-7-root`.
pub fn disk_image(vm: ResourceId, disk: &str) -> String {
    format!("{}{disk}", disk_images(vm))
}

/// What the images of a VM's disks begin with.
pub fn disk_images(vm: ResourceId) -> String {
    format!("{DISK}{vm}-")
}

const DISK: &str = "drover-vm-";

/// The resource whose image this is, by its name; none for an image of another maker.
pub fn image_owner(image: &str) -> Option<ResourceId> {
    let of_disk = || image.strip_prefix(DISK)?.split_once('-')?.0.parse().ok();
    volume_of(image).or_else(of_disk)
}

/// An image in a pool, from which the disks of VMs are cloned; named by its content.
pub fn pool_image(image: ImageId, sha256: &str) -> String {
    format!("{COPY}{image}-{}", &sha256[..16.min(sha256.len())])
}

const COPY: &str = "drover-image-";

/// The image that this is a copy of; none for another image, and for one that is being made.
pub fn copy_of(image: &str) -> Option<ImageId> {
    let (id, sum) = image.strip_prefix(COPY)?.split_once('-')?;
    let is_sum = !sum.is_empty() && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
    id.parse().ok().filter(|_| is_sum)
}

/// The snapshot of it that clones stand on.
pub fn clonable(image: &str) -> String {
    format!("{image}@base")
}

/// What is being made, until it is renamed.
pub fn part(path: &str) -> String {
    format!("{path}.part")
}

/// By which a guest tells a volume from its other disks; QEMU takes 20 bytes.
pub fn volume_serial(volume: ResourceId) -> String {
    format!("volume-{volume}")
}

/// An image as `rbd` names it.
pub fn in_pool(pool: &str, image: &str) -> String {
    format!("{pool}/{image}")
}

/// The libvirt secret that holds the key of a Ceph user: one for each user of a host.
pub fn ceph_secret(user: &str) -> String {
    let digest: String = Sha256::digest(user).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("64726f76-6572-4000-8001-{digest}")
}

/// The folder where a host keeps the highest fences that it has seen.
pub fn fence_folder(storage: &str) -> String {
    format!("{storage}/fences")
}

/// Where a host keeps what was set aside, and notes of it.
pub fn quarantine(storage: &str, sort: Sort) -> String {
    format!("{storage}/quarantine/{sort}")
}

/// The file or folder there of one thing.
pub fn aside(storage: &str, sort: Sort, name: &str) -> String {
    format!("{}/{}", quarantine(storage, sort), flat(name))
}

/// A name with slashes as a file's name: `7/root.qcow2` is `7+root.qcow2`.
pub fn flat(name: &str) -> String {
    name.split('/').map(plain).collect::<Vec<_>>().join("+")
}

/// The name that was made flat; none when the file is another maker's.
pub fn unflat(file: &str) -> Option<String> {
    let mut name = Vec::new();
    let mut bytes = file.bytes();
    while let Some(byte) = bytes.next() {
        name.push(match byte {
            b'+' => b'/',
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(name).ok()
}

/// The longest file name that is written out; a longer one ends in its digest.
const LONGEST_FENCE_FILE: usize = 200;

/// A lock's file in that folder, another for every lock: `network+kvm-1+web`. A part holds neither the plus between the
/// parts nor the tilde before a digest.
pub fn fence_file(lock: &LockName) -> String {
    let id;
    let parts: &[&str] = match lock {
        LockName::Region { region } => &["region", region],
        LockName::Host { host } => &["host", host],
        LockName::Network { host, segment } => &["network", host, segment],
        LockName::Pool { host, pool } => &["pool", host, pool],
        LockName::Device { host, device } => &["device", host, device],
        LockName::Resource { id: number } => {
            id = number.to_string();
            &["resource", &id]
        }
    };
    let file = parts.iter().map(|part| plain(part)).collect::<Vec<_>>().join("+");
    if file.len() <= LONGEST_FENCE_FILE {
        return file;
    }
    let digest: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}~{digest}", &file[..LONGEST_FENCE_FILE / 2])
}

/// Percent signs stand for what a file's name had better not hold.
fn plain(part: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b':' | b'-' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    part.bytes().map(byte).collect()
}

/// The mac of a VM's n-th nic when the wish leaves it out: in QEMU's range, and never the same for two nics of a fleet.
pub fn mac(vm: ResourceId, nic: usize) -> String {
    let id = vm.0 as u32;
    format!(
        "52:54:{:02x}:{:02x}:{:02x}:{:02x}",
        (id >> 12) as u8,
        (id >> 4) as u8,
        ((id & 0xf) << 4) as u8 | (nic as u8 & 0xf),
        (id >> 20) as u8
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_flat_name_reads_back_as_it_was() {
        for name in ["7/root.qcow2", "drover-7", "a+b/c d", "50%/ü", ""] {
            let flat = flat(name);
            assert!(!flat.contains('/'), "{flat}");
            assert_eq!(unflat(&flat).as_deref(), Some(name));
        }
        assert_eq!(unflat("50%"), None);
    }

    #[test]
    fn every_lock_has_a_file_of_its_own_that_is_only_a_name() {
        let network = |host: &str, segment: &str| LockName::Network { host: host.into(), segment: segment.into() };
        let long = "l".repeat(300);
        let odd = ["", ".", "..", "a/b", "a b", "a+b", "a%2Fb", "a%b", "it's", "\"", "a\nb", "ü", "~", long.as_str()];
        let mut locks: Vec<LockName> = odd.iter().map(|part| LockName::Region { region: (*part).into() }).collect();
        locks.extend(odd.iter().flat_map(|host| odd.iter().map(|segment| network(host, segment))));
        locks.push(network(&long, &format!("{long}l")));
        let files: BTreeSet<String> = locks.iter().map(fence_file).collect();
        assert_eq!(files.len(), locks.len());
        let is_plain = |file: &String| {
            file.len() <= LONGEST_FENCE_FILE
                && file.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-+%~".contains(&byte))
                && !file.starts_with(['.', '-'])
        };
        assert!(files.iter().all(is_plain), "{files:#?}");
        assert_eq!(fence_file(&network("kvm-1", "web")), "network+kvm-1+web");
        assert_eq!(fence_file(&LockName::Resource { id: ResourceId(7) }), "resource+7");
    }
}
