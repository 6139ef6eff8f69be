//! Names of outside things, each made in one function, so that build and scrub cannot disagree; and checks of names.

use crate::{ImageId, ResourceId};
use std::net::IpAddr;

/// The libvirt domain of a VM: `drover-7`.
pub fn domain(vm: ResourceId) -> String {
    format!("drover-{vm}")
}

/// The Linux bridge of a segment on a host, at most 15 bytes as the kernel wants: `br-web`.
pub fn bridge(segment: &str) -> String {
    format!("br-{segment}")
}

/// The folder of a VM on its host: disks, seed, serial log.
pub fn vm_folder(storage: &str, vm: ResourceId) -> String {
    format!("{storage}/vms/{vm}")
}

/// The segment whose bridge this is; none for a bridge of another maker.
pub fn segment(bridge: &str) -> Option<&str> {
    bridge.strip_prefix("br-")
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

/// An image in the host's cache, named by its content.
pub fn cached_image(storage: &str, image: ImageId, sha256: &str) -> String {
    format!("{storage}/images/{image}-{}", &sha256[..16.min(sha256.len())])
}

/// The highest fence that a host has seen for a resource is kept in this file beside it.
pub fn fence_file(storage: &str, resource: ResourceId) -> String {
    format!("{storage}/fences/{resource}")
}

/// Lower-case letters, digits and dashes, not at the edges.
pub fn check_name(field: &str, name: &str, longest: usize) -> Result<(), String> {
    let inner = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if name.is_empty() || name.len() > longest || !inner || name.starts_with('-') || name.ends_with('-') {
        return Err(format!("{field} is 1 to {longest} lower-case letters, digits and dashes, not {name:?}"));
    }
    Ok(())
}

/// Six lower-case octets, unicast.
pub fn check_mac(mac: &str) -> Result<(), String> {
    let octets: Vec<_> = mac.split(':').collect();
    let hex =
        |octet: &&str| octet.len() == 2 && octet.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let unicast =
        octets.first().and_then(|first| u8::from_str_radix(first, 16).ok()).is_some_and(|first| first & 1 == 0);
    if octets.len() != 6 || !octets.iter().all(hex) || !unicast {
        return Err(format!("nics.mac is six lower-case octets of a unicast address, not {mac:?}"));
    }
    Ok(())
}

/// An address with its prefix length.
pub fn check_cidr(field: &str, text: &str) -> Result<(IpAddr, u8), String> {
    let wrong = || format!("{field} is an address with a prefix length such as 10.1.0.5/24, not {text:?}");
    let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let prefix: u8 = prefix.parse().map_err(|_| wrong())?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    if prefix > longest {
        return Err(wrong());
    }
    Ok((address, prefix))
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
