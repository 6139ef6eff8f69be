//! PCI devices of the host in a domain's XML: read, written, and kept when the domain is defined anew.

use model::pci::PciAddress;
use model::{ResourceId, names};
use serde::Deserialize;

/// A function of a device that is given to the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hostdev {
    pub address: PciAddress,
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

#[derive(Deserialize)]
struct HostdevXml {
    #[serde(rename = "@type", default)]
    kind: String,
    #[serde(default)]
    source: Option<Source>,
    #[serde(default)]
    alias: Option<Alias>,
}

#[derive(Deserialize)]
struct Source {
    #[serde(default)]
    address: Option<Address>,
}

#[derive(Deserialize)]
struct Address {
    #[serde(rename = "@domain", default)]
    domain: String,
    #[serde(rename = "@bus", default)]
    bus: String,
    #[serde(rename = "@slot", default)]
    slot: String,
    #[serde(rename = "@function", default)]
    function: String,
}

#[derive(Deserialize)]
struct Alias {
    #[serde(rename = "@name", default)]
    name: String,
}

impl Address {
    fn read(&self) -> Option<PciAddress> {
        let hex = |text: &str| u16::from_str_radix(text.trim_start_matches("0x"), 16).ok();
        Some(PciAddress {
            domain: hex(&self.domain)?,
            bus: hex(&self.bus)? as u8,
            slot: hex(&self.slot)? as u8,
            function: hex(&self.function)? as u8,
        })
    }
}

/// Every PCI function that the domain is given; gives why its XML makes no sense.
pub fn hostdevs(xml: &str) -> Result<Vec<Hostdev>, String> {
    let domain: Domain = quick_xml::de::from_str(xml).map_err(|error| error.to_string())?;
    let one = |found: HostdevXml| {
        let address = found.source.filter(|_| found.kind == "pci")?.address?.read()?;
        Some(Hostdev { address, gpu: found.alias.and_then(|alias| names::gpu_of(&alias.name)) })
    };
    Ok(domain.devices.hostdev.into_iter().filter_map(one).collect())
}

/// Libvirt takes it from the host's driver when the guest starts, and gives it back afterwards.
pub fn hostdev(found: &Hostdev) -> String {
    let PciAddress { domain, bus, slot, function } = found.address;
    let alias = found.gpu.map(|gpu| names::hostdev_alias(gpu, found.address));
    let alias = alias.map(|alias| format!("      <alias name='{alias}'/>\n")).unwrap_or_default();
    format!(
        "    <hostdev mode='subsystem' type='pci' managed='yes'>\n      <source>\n        <address domain='0x{domain:04x}' \
         bus='0x{bus:02x}' slot='0x{slot:02x}' function='0x{function:x}'/>\n      </source>\n{alias}    </hostdev>\n"
    )
}

/// A definition with these in it too.
pub fn with_hostdevs(xml: &str, kept: &[Hostdev]) -> String {
    let devices: String = kept.iter().map(hostdev).collect();
    match xml.rfind("  </devices>") {
        Some(at) => format!("{}{devices}{}", &xml[..at], &xml[at..]),
        None => xml.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_to_a_domain_reads_back() {
        let address = "0000:65:00.1".parse().unwrap();
        let own = Hostdev { address, gpu: Some(ResourceId(12)) };
        let foreign = Hostdev { address: "0000:66:00.0".parse().unwrap(), gpu: None };
        let xml = "<domain>\n  <devices>\n    <emulator/>\n  </devices>\n</domain>\n";
        assert_eq!(hostdevs(xml).unwrap(), []);
        let xml = with_hostdevs(xml, &[own.clone(), foreign.clone()]);
        assert_eq!(hostdevs(&xml).unwrap(), [own, foreign]);
    }
}
