//! How virtual routers and private segments stand on a host: the way out, and what carries a segment from host to host.

use crate::{SegmentId, names};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use utoipa::ToSchema;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RouterSettings {
    /// The operator's bridge that leads to the internet.
    #[serde(default = "default_public_bridge")]
    pub public_bridge: String,
    /// The way out of every router; without it routers reach no further than their public network.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub gateway: Option<Ipv4Addr>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub gateway_v6: Option<Ipv6Addr>,
    /// Whom a router's DNS asks when its own wish does not say.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub dns: Vec<IpAddr>,
    #[serde(default)]
    pub carrier: Carrier,
}

/// What carries a private segment from host to host; the same on every host of a region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Carrier {
    /// Nothing: a segment is one host's bridge.
    #[default]
    Plain,
    /// A VLAN on a trunk: the segment's number plus `first`.
    Vlan { trunk: String, first: u16 },
    /// VXLAN over a device, by a multicast group or to named peers; the segment's number is its network identifier.
    Vxlan {
        device: String,
        #[serde(default)]
        #[schema(value_type = Option<String>)]
        group: Option<IpAddr>,
        #[serde(default)]
        #[schema(value_type = Vec<String>)]
        peers: Vec<IpAddr>,
    },
}

/// What VXLAN takes of each packet, over IPv6 too.
const VXLAN_OVERHEAD: u32 = 70;

/// The numbers that a VLAN can have.
const VLANS: std::ops::RangeInclusive<i64> = 1..=4094;

impl Carrier {
    /// The VLAN of a segment; none where no VLAN carries it.
    pub fn vlan(&self, segment: SegmentId) -> Option<u16> {
        let Self::Vlan { first, .. } = self else { return None };
        let vlan = i64::from(*first) + segment.0;
        u16::try_from(vlan).ok().filter(|_| VLANS.contains(&vlan))
    }

    /// What fits into a packet of a segment.
    pub fn mtu(&self) -> u32 {
        match self {
            Self::Plain | Self::Vlan { .. } => 1500,
            Self::Vxlan { .. } => 1500 - VXLAN_OVERHEAD,
        }
    }
}

impl Default for RouterSettings {
    fn default() -> Self {
        Self {
            public_bridge: default_public_bridge(),
            gateway: None,
            gateway_v6: None,
            dns: Vec::new(),
            carrier: Carrier::Plain,
        }
    }
}

fn default_public_bridge() -> String {
    "br-public".into()
}

impl RouterSettings {
    pub fn check(&self) -> Result<(), String> {
        names::check_link("settings.router.public_bridge", &self.public_bridge)?;
        match &self.carrier {
            Carrier::Plain => Ok(()),
            Carrier::Vlan { trunk, first } => {
                names::check_link("settings.router.carrier.vlan.trunk", trunk)?;
                if *first > 4093 {
                    return Err(format!("settings.router.carrier.vlan.first is at most 4093, not {first}"));
                }
                Ok(())
            }
            Carrier::Vxlan { device, group, peers } => {
                names::check_link("settings.router.carrier.vxlan.device", device)?;
                if group.is_some() != peers.is_empty() {
                    return Err("settings.router.carrier.vxlan has either a group or peers".into());
                }
                if group.is_some_and(|group| !group.is_multicast()) {
                    return Err("settings.router.carrier.vxlan.group is a multicast address".into());
                }
                Ok(())
            }
        }
    }
}
