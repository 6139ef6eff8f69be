//! Where a PCI device is on its host.

use crate::text::as_text;
use std::fmt;
use std::str::FromStr;

/// Written `0000:65:00.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciAddress {
    pub domain: u16,
    pub bus: u8,
    pub slot: u8,
    pub function: u8,
}

impl PciAddress {
    /// Whether both are functions of one device.
    pub fn is_beside(&self, other: &Self) -> bool {
        Self { function: 0, ..*self } == Self { function: 0, ..*other }
    }
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, bus, slot, function } = self;
        write!(f, "{domain:04x}:{bus:02x}:{slot:02x}.{function:x}")
    }
}

impl FromStr for PciAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("a PCI address is written 0000:65:00.0, not {text:?}");
        let hex = |part: &str, digits: usize| {
            let plain = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_hexdigit());
            u16::from_str_radix(part, 16).ok().filter(|_| plain).ok_or_else(wrong)
        };
        let (domain, rest) = text.split_once(':').ok_or_else(wrong)?;
        let (bus, rest) = rest.split_once(':').ok_or_else(wrong)?;
        let (slot, function) = rest.split_once('.').ok_or_else(wrong)?;
        let address = Self {
            domain: hex(domain, 4)?,
            bus: hex(bus, 2)? as u8,
            slot: hex(slot, 2)? as u8,
            function: hex(function, 1)? as u8,
        };
        if address.slot > 31 || address.function > 7 { Err(wrong()) } else { Ok(address) }
    }
}

as_text!(PciAddress);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_it_was_written() {
        for text in ["0000:65:00.0", "0001:0a:1f.7"] {
            assert_eq!(text.parse::<PciAddress>().unwrap().to_string(), text);
        }
        for wrong in ["", "65:00.0", "0000:65:00", "0000:65:20.0", "0000:65:00.8", "0000:6:00.0", "0000:+5:00.0"] {
            assert!(wrong.parse::<PciAddress>().is_err(), "{wrong}");
        }
        let function = |text: &str| text.parse::<PciAddress>().unwrap();
        assert!(function("0000:65:00.0").is_beside(&function("0000:65:00.1")));
        assert!(!function("0000:65:00.0").is_beside(&function("0000:65:01.0")));
    }
}
