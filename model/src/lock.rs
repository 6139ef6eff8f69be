//! Names of locks. The order of the variants is the order in which several are taken.

use crate::ResourceId;
use crate::text::as_text;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A piece of hardware, or a resource, that one attempt uses alone. Written `network/kvm-1/web`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockName {
    Region { region: String },
    Host { host: String },
    Network { host: String, segment: String },
    Pool { host: String, pool: String },
    Device { host: String, device: String },
    Resource { id: ResourceId },
}

impl fmt::Display for LockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region { region } => write!(f, "region/{region}"),
            Self::Host { host } => write!(f, "host/{host}"),
            Self::Network { host, segment } => write!(f, "network/{host}/{segment}"),
            Self::Pool { host, pool } => write!(f, "pool/{host}/{pool}"),
            Self::Device { host, device } => write!(f, "device/{host}/{device}"),
            Self::Resource { id } => write!(f, "resource/{id}"),
        }
    }
}

impl FromStr for LockName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err("a part of it is empty".into());
        }
        let own = |part: &str| part.to_owned();
        match parts.as_slice() {
            ["region", region] => Ok(Self::Region { region: own(region) }),
            ["host", host] => Ok(Self::Host { host: own(host) }),
            ["network", host, segment] => Ok(Self::Network { host: own(host), segment: own(segment) }),
            ["pool", host, pool] => Ok(Self::Pool { host: own(host), pool: own(pool) }),
            ["device", host, device] => Ok(Self::Device { host: own(host), device: own(device) }),
            ["resource", id] => {
                id.parse().map(|id| Self::Resource { id }).map_err(|_| "a resource is named by its number".into())
            }
            _ => Err("it starts with none of region, host, network, pool, device, resource".into()),
        }
    }
}

as_text!(LockName);

/// How a lock is held: alone, or beside others that share it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Exclusive,
    Shared,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exclusive => "exclusive",
            Self::Shared => "shared",
        })
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "exclusive" => Ok(Self::Exclusive),
            "shared" => Ok(Self::Shared),
            _ => Err(format!("a lock is held exclusive or shared, not {text:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_as_it_was_written() {
        for text in [
            "region/eu",
            "host/kvm-1",
            "network/kvm-1/web",
            "pool/kvm-1/images",
            "device/kvm-1/0000:65:00.0",
            "resource/7",
        ] {
            assert_eq!(text.parse::<LockName>().unwrap().to_string(), text);
        }
        assert!("network/kvm-1".parse::<LockName>().is_err());
        assert!("resource/seven".parse::<LockName>().is_err());
    }

    #[test]
    fn a_mode_reads_back_as_it_was_written() {
        for mode in [Mode::Exclusive, Mode::Shared] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.to_string());
        }
        assert!("Shared".parse::<Mode>().is_err());
        assert_eq!(Mode::default(), Mode::Exclusive);
    }

    #[test]
    fn the_global_order_goes_from_the_wide_to_the_narrow() {
        let mut names: Vec<LockName> = ["resource/1", "pool/a/p", "host/b", "network/a/n", "region/z", "device/a/d"]
            .map(|text| text.parse().unwrap())
            .into();
        names.sort();
        let sorted: Vec<_> = names.iter().map(ToString::to_string).collect();
        assert_eq!(sorted, ["region/z", "host/b", "network/a/n", "pool/a/p", "device/a/d", "resource/1"]);
    }
}
