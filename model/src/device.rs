//! A device of a host that a VM can be given.

use crate::pci::PciAddress;
use crate::text::as_text;
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Device {
    /// Written `0000:65:00.0`.
    Pci(PciAddress),
    /// A share of a PCI device, that its driver on the host has made of it (mdev). Written as its UUID.
    Mediated(Uuid),
}

impl Device {
    pub fn pci(self) -> Option<PciAddress> {
        match self {
            Self::Pci(address) => Some(address),
            Self::Mediated(_) => None,
        }
    }
}

impl From<PciAddress> for Device {
    fn from(address: PciAddress) -> Self {
        Self::Pci(address)
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pci(address) => address.fmt(f),
            Self::Mediated(uuid) => uuid.fmt(f),
        }
    }
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Pci(address));
        }
        // A UUID has other spellings too; this one is libvirt's.
        let uuid = Uuid::try_parse(text).ok().filter(|_| text.len() == uuid::fmt::Hyphenated::LENGTH);
        uuid.map(Self::Mediated).ok_or_else(|| {
            format!("a device is a PCI address (0000:65:00.0) or the UUID of a mediated device, not {text:?}")
        })
    }
}

as_text!(Device);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_reads_back_as_it_was_written() {
        let uuid = "c60cc60c-0f2d-4d1a-9d0b-6f5a3c1e7b21";
        for text in ["0000:65:00.0", uuid] {
            assert_eq!(text.parse::<Device>().unwrap().to_string(), text);
        }
        assert_eq!(uuid.to_uppercase().parse::<Device>(), uuid.parse());
        let wrong =
            ["", "65:00.0", "c60cc60c", "c60cc60c0f2d4d1a9d0b6f5a3c1e7b21", "{c60cc60c-0f2d-4d1a-9d0b-6f5a3c1e7b21}"];
        for wrong in wrong {
            assert!(wrong.parse::<Device>().is_err(), "{wrong}");
        }
    }
}
