//! Disks of a guest that are images of a Ceph cluster.

use super::domain;
use super::state::State;
use super::xml::Node;
use crate::fakes::ceph::KEY;

/// `pool/image`
pub(super) fn image(device: &Node) -> Option<&str> {
    device.of("source", "name").filter(|_| device.of("source", "protocol") == Some("rbd"))
}

/// Whether QEMU gets to the image; gives why not.
pub(super) fn usable(state: &State, device: &Node) -> Result<(), String> {
    let Some(image) = image(device) else { return Ok(()) };
    let uuid = device.child("auth").and_then(|auth| auth.of("secret", "uuid")).unwrap_or_default();
    match state.secrets.get(uuid) {
        None => return Err(format!("Secret not found: no secret with matching uuid '{uuid}'")),
        Some(secret) if secret.value.as_deref() != Some(KEY) => {
            return Err("internal error: unable to execute QEMU command 'blockdev-add': error connecting: Operation not permitted".into());
        }
        Some(_) => {}
    }
    let cluster = state.ceph.as_ref().unwrap_or_else(|| panic!("this host has no Ceph cluster"));
    if !cluster.state().exists(image) {
        let name = image.rsplit('/').next().unwrap_or_default();
        return Err(format!(
            "internal error: unable to execute QEMU command 'blockdev-add': error reading header from {name}: No such file or directory"
        ));
    }
    Ok(())
}

/// A guest of this name opens or closes what this device is.
pub(super) fn open(state: &State, device: &Node, domain: &str) {
    if let (Some(image), Some(cluster)) = (image(device), &state.ceph) {
        cluster.state().open(image, domain);
    }
}

pub(super) fn close(state: &State, device: &Node, domain: &str) {
    if let (Some(image), Some(cluster)) = (image(device), &state.ceph) {
        cluster.state().close(image, domain);
    }
}

/// Every image that is attached, with its domain: `image volumes/drover-volume-9 kept` and `.. live`.
pub(super) fn words(state: &State) -> Vec<(String, String)> {
    let mut words = Vec::new();
    for (name, domain) in &state.domains {
        for (which, xml) in [("kept", &domain.kept), ("live", &domain.live)] {
            for disk in xml.iter().flat_map(domain::disks) {
                if let Some(image) = image(disk) {
                    let target = disk.of("target", "dev").unwrap_or_default();
                    words.push((format!("{which} {image}"), format!("{target} of {name}")));
                }
            }
        }
    }
    words.extend(state.secrets.iter().map(|(uuid, secret)| {
        (format!("secret {uuid}"), if secret.value.as_deref() == Some(KEY) { "the key" } else { "no key" }.to_owned())
    }));
    words
}
