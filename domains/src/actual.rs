//! What libvirt says a domain is, as far as drover made it so.

use crate::hostdev::{self, HostdevXml};
use model::device::Device;
use model::{ResourceId, names};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
struct Domain {
    #[serde(default)]
    metadata: Option<Metadata>,
    memory: Memory,
    vcpu: Vcpu,
    devices: Devices,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    #[serde(rename = "vm", default)]
    vm: Option<Mark>,
}

#[derive(Debug, Deserialize)]
struct Mark {
    #[serde(rename = "@resource")]
    resource: i64,
}

#[derive(Debug, Deserialize)]
struct Memory {
    #[serde(rename = "@unit")]
    unit: String,
    #[serde(rename = "$text")]
    size: u64,
}

#[derive(Debug, Deserialize)]
struct Vcpu {
    #[serde(rename = "@current", default)]
    current: Option<u32>,
    #[serde(rename = "$text")]
    most: u32,
}

#[derive(Debug, Deserialize)]
struct Devices {
    #[serde(default)]
    disk: Vec<DiskXml>,
    #[serde(default)]
    interface: Vec<InterfaceXml>,
    #[serde(default)]
    hostdev: Vec<HostdevXml>,
}

#[derive(Debug, Deserialize)]
struct DiskXml {
    #[serde(default)]
    serial: Option<String>,
    #[serde(default)]
    source: Option<Source>,
    target: Target,
}

#[derive(Debug, Deserialize)]
struct Source {
    #[serde(rename = "@file", default)]
    file: Option<String>,
    #[serde(rename = "@bridge", default)]
    bridge: Option<String>,
    #[serde(rename = "@protocol", default)]
    protocol: Option<String>,
    #[serde(rename = "@name", default)]
    name: Option<String>,
}

impl Source {
    /// `pool/image`
    fn image(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| self.protocol.as_deref() == Some("rbd"))
    }
}

#[derive(Debug, Deserialize)]
struct Target {
    #[serde(rename = "@dev")]
    dev: String,
}

#[derive(Debug, Deserialize)]
struct InterfaceXml {
    mac: Mac,
    #[serde(default)]
    source: Option<Source>,
}

#[derive(Debug, Deserialize)]
struct Mac {
    #[serde(rename = "@address")]
    address: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actual {
    /// The resource that its metadata names; none when drover did not make it.
    pub resource: Option<i64>,
    pub cpu: u32,
    pub most_cpus: u32,
    pub ram_mb: u64,
    pub disks: Vec<ActualDisk>,
    pub volumes: Vec<ActualVolume>,
    pub nics: Vec<ActualNic>,
    /// What it is given of its host, by drover or by hand, as libvirt writes it.
    #[serde(skip)]
    pub hostdevs: Vec<String>,
    /// The PCI and mediated devices among them.
    #[serde(skip)]
    pub devices: Vec<Device>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActualDisk {
    /// Its serial.
    pub name: String,
    /// Its file; of an image of a Ceph pool `pool/image`.
    pub path: String,
    pub target: String,
    pub is_image: bool,
}

impl Actual {
    /// Where an image of a Ceph pool, `pool/image`, stands: a disk or a volume.
    pub fn target_of(&self, image: &str) -> Option<&str> {
        let disks = self.disks.iter().filter(|disk| disk.is_image).map(|disk| (&disk.path, &disk.target));
        let volumes = self.volumes.iter().map(|volume| (&volume.image, &volume.target));
        disks.chain(volumes).find(|(path, _)| *path == image).map(|(_, target)| target.as_str())
    }
}

/// A volume that is attached to the VM, and no disk of its wish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActualVolume {
    pub id: ResourceId,
    /// `pool/image`
    pub image: String,
    pub target: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActualNic {
    pub mac: String,
    pub bridge: String,
}

/// The serial of the seed, which is no disk of the wish.
const SEED: &str = "cidata";

/// The volume whose image this is, `pool/image`.
fn volume_of(image: &str) -> Option<ResourceId> {
    names::volume_of(image.rsplit('/').next()?)
}

/// Reads a domain's XML; gives why it makes no sense.
pub fn read(xml: &str) -> Result<Actual, String> {
    let hostdevs = hostdev::texts(xml)?;
    // The mark's prefix is ours, and libvirt keeps it.
    let xml = xml.replace("<drover:vm ", "<vm ").replace("</drover:vm>", "</vm>");
    let domain: Domain = quick_xml::de::from_str(&xml).map_err(|error| error.to_string())?;
    let ram_mb = match domain.memory.unit.as_str() {
        "KiB" => domain.memory.size / 1024,
        "MiB" => domain.memory.size,
        other => return Err(format!("its memory is in {other}")),
    };
    let volume = |disk: &DiskXml| {
        let image = disk.source.as_ref()?.image()?;
        Some(ActualVolume { id: volume_of(image)?, image: image.to_owned(), target: disk.target.dev.clone() })
    };
    let volumes = domain.devices.disk.iter().filter_map(volume).collect();
    let disks = domain.devices.disk.into_iter().filter_map(|disk| {
        let name = disk.serial.filter(|serial| serial != SEED)?;
        let source = disk.source?;
        let image = source.image().map(str::to_owned);
        if image.as_deref().and_then(volume_of).is_some() {
            return None;
        }
        let is_image = image.is_some();
        Some(ActualDisk { name, path: image.or(source.file)?, target: disk.target.dev, is_image })
    });
    let devices = domain.devices.hostdev.into_iter().filter_map(HostdevXml::read).map(|found| found.device);
    let nics = domain
        .devices
        .interface
        .into_iter()
        .filter_map(|nic| Some(ActualNic { mac: nic.mac.address, bridge: nic.source?.bridge? }));
    Ok(Actual {
        resource: domain.metadata.and_then(|metadata| metadata.vm).map(|mark| mark.resource),
        cpu: domain.vcpu.current.unwrap_or(domain.vcpu.most),
        most_cpus: domain.vcpu.most,
        ram_mb,
        disks: disks.collect(),
        volumes,
        nics: nics.collect(),
        hostdevs,
        devices: devices.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_that_drover_did_not_make_is_nobodys() {
        let xml = "<domain><memory unit='KiB'>1048576</memory><vcpu>1</vcpu><devices/></domain>";
        assert_eq!(read(xml).unwrap().resource, None);
    }
}
