//! Devices of the host in a domain's XML: read, written, and kept when the domain is defined anew.

use model::device::Device;
use model::pci::PciAddress;
use model::{ResourceId, names};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde::Deserialize;

/// A device that is given to the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hostdev {
    pub device: Device,
    /// The record that it is given by; none when somebody did so by hand.
    pub gpu: Option<ResourceId>,
}

#[derive(Deserialize)]
struct Domain {
    devices: Devices,
}

#[derive(Deserialize)]
struct Devices {
    #[serde(default)]
    hostdev: Vec<HostdevXml>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct HostdevXml {
    #[serde(rename = "@type", default)]
    kind: String,
    #[serde(default)]
    source: Option<Source>,
    #[serde(default)]
    alias: Option<Alias>,
}

#[derive(Debug, Deserialize)]
struct Source {
    #[serde(default)]
    address: Option<Address>,
}

#[derive(Debug, Deserialize)]
struct Address {
    #[serde(rename = "@uuid", default)]
    uuid: String,
    #[serde(rename = "@domain", default)]
    domain: String,
    #[serde(rename = "@bus", default)]
    bus: String,
    #[serde(rename = "@slot", default)]
    slot: String,
    #[serde(rename = "@function", default)]
    function: String,
}

#[derive(Debug, Deserialize)]
struct Alias {
    #[serde(rename = "@name", default)]
    name: String,
}

impl HostdevXml {
    /// None for one of another kind.
    pub(crate) fn read(self) -> Option<Hostdev> {
        let device = self.source?.address?.read(&self.kind)?;
        Some(Hostdev { device, gpu: self.alias.and_then(|alias| names::gpu_of(&alias.name)) })
    }
}

impl Address {
    fn pci(&self) -> Option<PciAddress> {
        let hex = |text: &str| u16::from_str_radix(text.trim_start_matches("0x"), 16).ok();
        Some(PciAddress {
            domain: hex(&self.domain)?,
            bus: hex(&self.bus)? as u8,
            slot: hex(&self.slot)? as u8,
            function: hex(&self.function)? as u8,
        })
    }

    fn read(&self, kind: &str) -> Option<Device> {
        match kind {
            "pci" => self.pci().map(Device::Pci),
            "mdev" => self.uuid.parse().ok(),
            _ => None,
        }
    }
}

/// Every PCI and mediated device that the domain is given; gives why its XML makes no sense.
pub fn hostdevs(xml: &str) -> Result<Vec<Hostdev>, String> {
    let domain: Domain = quick_xml::de::from_str(xml).map_err(|error| error.to_string())?;
    Ok(domain.devices.hostdev.into_iter().filter_map(HostdevXml::read).collect())
}

/// Libvirt takes a PCI device from the host's driver when the guest starts, and gives it back afterwards.
pub fn hostdev(found: &Hostdev) -> String {
    let (kind, address) = match found.device {
        Device::Pci(PciAddress { domain, bus, slot, function }) => (
            "type='pci' managed='yes'",
            format!("domain='0x{domain:04x}' bus='0x{bus:02x}' slot='0x{slot:02x}' function='0x{function:x}'"),
        ),
        Device::Mediated(uuid) => ("type='mdev' model='vfio-pci'", format!("uuid='{uuid}'")),
    };
    let alias = found.gpu.map(|gpu| names::hostdev_alias(gpu, found.device));
    let alias = alias.map(|alias| format!("      <alias name='{alias}'/>\n")).unwrap_or_default();
    format!(
        "    <hostdev mode='subsystem' {kind}>\n      <source>\n        <address {address}/>\n      </source>\n{alias}    \
         </hostdev>\n"
    )
}

/// Each hostdev of a definition as it is written, of whatever kind, but for its place in the guest: libvirt finds new ones for
/// all devices of a new definition, and the buses of the old one need not be there.
pub(crate) fn texts(xml: &str) -> Result<Vec<String>, String> {
    let (mut reader, mut found) = (Reader::from_str(xml), Vec::new());
    loop {
        let start = reader.buffer_position() as usize;
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(tag) if tag.name().as_ref() == "hostdev" => found.push(text(xml, start, &mut reader)?),
            Event::Eof => return Ok(found),
            _ => {}
        }
    }
}

/// The element that the reader has just begun.
fn text(xml: &str, start: usize, reader: &mut Reader<&[u8]>) -> Result<String, String> {
    let (mut text, mut start, mut depth) = (String::new(), start, 1);
    while depth > 0 {
        let at = reader.buffer_position() as usize;
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            Event::Empty(tag) if depth == 1 && tag.name().as_ref() == "address" => {
                text.push_str(xml[start..at].trim_end());
                start = reader.buffer_position() as usize;
            }
            Event::Eof => return Err("a hostdev does not end".into()),
            _ => {}
        }
    }
    text.push_str(&xml[start..reader.buffer_position() as usize]);
    Ok(text)
}

/// A definition with these in it too.
pub fn with_hostdevs(xml: &str, kept: &[String]) -> String {
    let devices: String = kept.iter().map(|text| format!("    {text}\n")).collect();
    match xml.rfind("  </devices>") {
        Some(at) => format!("{}{devices}{}", &xml[..at], &xml[at..]),
        None => xml.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "<domain>\n  <devices>\n    <emulator/>\n  </devices>\n</domain>\n";

    fn device(text: &str) -> Device {
        text.parse().unwrap()
    }

    #[test]
    fn devices_are_as_the_golden_file_says_and_read_back() {
        let gpu = Some(ResourceId(12));
        let function = Hostdev { device: device("0000:65:00.1"), gpu };
        let share = Hostdev { device: device("c60cc60c-0f2d-4d1a-9d0b-6f5a3c1e7b21"), gpu };
        let foreign = Hostdev { gpu: None, ..share.clone() };
        let all = [function, share, foreign];
        let xml: String = all.iter().map(hostdev).collect();
        expect_test::expect_file!["../golden/hostdevs.xml"].assert_eq(&xml);
        assert_eq!(hostdevs(EMPTY).unwrap(), []);
        assert_eq!(hostdevs(&format!("<domain><devices>{xml}</devices></domain>")).unwrap(), all);
    }

    #[test]
    fn what_a_domain_is_given_is_kept_as_it_is_whoever_gave_it() {
        let usb = "<hostdev mode='subsystem' type='usb'>\n      <source>\n        <vendor id='0x046d'/>\n      </source>\n    </hostdev>";
        let share = "<hostdev mode='subsystem' type='mdev' managed='no' model='vfio-pci' display='off'>\n      <source>\n        \
                     <address uuid='c60cc60c-0f2d-4d1a-9d0b-6f5a3c1e7b21'/>\n      </source>\n    </hostdev>";
        let kept = [usb, share].map(str::to_owned);
        let xml = with_hostdevs(EMPTY, &kept);
        assert_eq!(texts(&xml).unwrap(), kept);
        let place = "      <address type='pci' domain='0x0000' bus='0x12' slot='0x01' function='0x0'/>\n    </hostdev>";
        assert_eq!(texts(&xml.replace("    </hostdev>", place)).unwrap(), kept);
        let read = Hostdev { device: device("c60cc60c-0f2d-4d1a-9d0b-6f5a3c1e7b21"), gpu: None };
        assert_eq!(hostdevs(&xml).unwrap(), [read]);
        assert!(texts("<domain><devices><hostdev></devices></domain>").is_err());
    }
}
