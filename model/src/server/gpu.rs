//! Which devices of a server may be given to VMs.

use crate::pci::PciAddress;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GpuSettings {
    /// PCI addresses, `0000:65:00.0`, or what a device is by its vendor and product, `10de:2204`: nothing else may be given.
    #[serde(default)]
    pub devices: Vec<String>,
}

impl GpuSettings {
    /// `id` is the device's vendor and product, as far as it is known.
    pub fn allows(&self, address: PciAddress, id: Option<&str>) -> bool {
        self.devices.iter().any(|device| match device.parse::<PciAddress>() {
            Ok(named) => named == address,
            Err(_) => id.is_some_and(|id| id.eq_ignore_ascii_case(device)),
        })
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let is_hex = |part: &str| part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_id =
            |text: &str| text.split_once(':').is_some_and(|(vendor, product)| is_hex(vendor) && is_hex(product));
        match self.devices.iter().find(|device| device.parse::<PciAddress>().is_err() && !is_id(device)) {
            Some(wrong) => Err(format!(
                "settings.gpu.devices holds PCI addresses (0000:65:00.0) and vendor:product (10de:2204), not {wrong:?}"
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_allowed_by_its_address_or_by_what_it_is() {
        let settings = GpuSettings { devices: vec!["0000:65:00.0".into(), "10DE:2204".into()] };
        assert_eq!(settings.check(), Ok(()));
        let [first, other] = ["0000:65:00.0", "0000:66:00.0"].map(|text| text.parse().unwrap());
        assert!(settings.allows(first, None) && settings.allows(other, Some("10de:2204")));
        assert!(!settings.allows(other, None) && !settings.allows(other, Some("10de:2205")));
        assert!(!GpuSettings::default().allows(first, Some("10de:2204")));
        for wrong in ["", "65:00.0", "10de:22", "10de", "nvidia", "0x10de:2204"] {
            assert!(GpuSettings { devices: vec![wrong.into()] }.check().is_err(), "{wrong}");
        }
    }
}
