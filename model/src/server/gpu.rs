//! Which devices of a server may be given to VMs.

use crate::device::Device;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GpuSettings {
    /// Devices by themselves (PCI addresses, `0000:65:00.0`; UUIDs of mediated ones), or by what they are (vendor and product,
    /// `10de:2204`; types of mediated ones, `nvidia-35`): nothing else may be given.
    #[serde(default)]
    pub devices: Vec<String>,
}

impl GpuSettings {
    /// `id` is what the device is, as far as it is known: vendor and product, or the type of a mediated one.
    pub fn allows(&self, device: Device, id: Option<&str>) -> bool {
        self.devices.iter().any(|named| match named.parse::<Device>() {
            Ok(named) => named == device,
            Err(_) => id.is_some_and(|id| id.eq_ignore_ascii_case(named)),
        })
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match self.devices.iter().find(|named| named.parse::<Device>().is_err() && !is_id(named)) {
            Some(wrong) => Err(format!(
                "settings.gpu.devices holds PCI addresses (0000:65:00.0), vendor:product (10de:2204), and UUIDs and types \
                 (nvidia-35) of mediated devices, not {wrong:?}"
            )),
            None => Ok(()),
        }
    }
}

/// `10de:2204`, or the name of a driver with that of its type.
fn is_id(text: &str) -> bool {
    let is_hex = |part: &str| part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_word =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let is_pair = |mark, is_part: fn(&str) -> bool| {
        text.split_once(mark).is_some_and(|(one, other)| is_part(one) && is_part(other))
    };
    is_pair(':', is_hex) || is_pair('-', is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_allowed_by_itself_or_by_what_it_is() {
        let (uuid, strange) = ("c60cc60c-0f2d-4d1a-9d0b-6f5a3c1e7b21", "d60cc60c-0f2d-4d1a-9d0b-6f5a3c1e7b21");
        let named = ["0000:65:00.0", "10DE:2204", uuid, "i915-GVTg_V5_4"];
        let settings = GpuSettings { devices: named.map(str::to_owned).to_vec() };
        assert_eq!(settings.check(), Ok(()));
        let allows = |device: &str, id| settings.allows(device.parse().unwrap(), id);
        assert!(allows("0000:65:00.0", None) && allows("0000:66:00.0", Some("10de:2204")));
        assert!(!allows("0000:66:00.0", None) && !allows("0000:66:00.0", Some("10de:2205")));
        assert!(allows(uuid, Some("nvidia-35")) && allows(strange, Some("i915-GVTg_V5_4")));
        assert!(!allows(strange, None) && !allows(strange, Some("nvidia-35")));
        assert!(!GpuSettings::default().allows(uuid.parse().unwrap(), Some("nvidia-35")));
        for wrong in ["", "65:00.0", "10de:22", "10de", "nvidia", "nvidia-", "0x10de:2204", "c60cc60c-0f2d-4d1a-9d0b"] {
            assert!(GpuSettings { devices: vec![wrong.into()] }.check().is_err(), "{wrong}");
        }
    }
}
