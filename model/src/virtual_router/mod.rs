//! A virtual router's wish: one per project.

pub mod network;
pub mod pair;
pub mod site;
pub mod vpn;

#[cfg(test)]
mod tests;

use crate::resource::Spec;
use crate::server::Capacity;
use crate::vm::PhantomScript;
use crate::{ResourceType, SegmentId, ServerId};
use network::Network;
use pair::Pair;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use utoipa::ToSchema;
use vpn::Vpn;

pub type VirtualRouter = crate::resource::Resource<VirtualRouterSpec>;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VirtualRouterSpec {
    /// Private segments, and the router's address on each.
    #[serde(default)]
    pub segments: Vec<Segment>,
    /// The public IPv4 address with prefix length, `203.0.113.7/24`. Without one the router joins its segments and leads
    /// nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The public IPv6 address with prefix length. IPv6 is routed, never translated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_v6: Option<String>,
    /// Floating addresses, each for one private address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nats: Vec<Nat>,
    /// Named sets of networks, for the firewall.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<AddressSet>,
    /// The first rule that matches decides. Where none does, what leaves through the public address is allowed and all else
    /// is not: neither what comes in, nor what goes from one segment to another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub firewall: Vec<Rule>,
    /// Networks behind a machine of a segment, or behind a neighbour on the public side.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// Site-to-site VPNs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vpns: Vec<Vpn>,
    /// Whom the segments' DNS asks; the region's when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub dns: Vec<IpAddr>,
    /// The node it must stand on; without it the API picks one.
    #[serde(default)]
    pub server: Option<ServerId>,
    /// A second node that has all of it, and takes over when the first one fails: `{}`. It needs a public address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<Pair>,
    /// On a phantom server: faults to rehearse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phantom: Option<PhantomScript>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    pub name: String,
    /// Its number, by which it is told from another project's of the same name. Given by the API.
    #[serde(default)]
    pub id: Option<SegmentId>,
    /// The router's own IPv4 address with prefix length, `10.1.0.1/24`: the segment's gateway.
    pub address: String,
    /// The router's own IPv6 address with prefix length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_v6: Option<String>,
    /// Whether the router gives the project's VMs their addresses by DHCP.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub dhcp: bool,
}

fn yes() -> bool {
    true
}

fn is_yes(value: &bool) -> bool {
    *value
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nat {
    #[schema(value_type = String)]
    pub public: IpAddr,
    #[schema(value_type = String)]
    pub private: IpAddr,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressSet {
    pub name: String,
    /// Addresses and networks, all of IPv4 or all of IPv6.
    pub members: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Rules are tried from the smallest number on.
    pub order: u32,
    pub allow: bool,
    /// An address, a network, `@` and the name of a set, or `*`.
    #[serde(default = "anywhere")]
    pub source: String,
    /// The same. A VM with a floating address is meant by its private one.
    #[serde(default = "anywhere")]
    pub destination: String,
    #[serde(default)]
    pub protocol: Protocol,
    /// Of the destination, for TCP and UDP; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Ports>,
    /// Writes what matches into the node's log, at most ten a second.
    #[serde(default)]
    pub log: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

fn anywhere() -> String {
    "*".into()
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    #[default]
    Any,
    Icmp,
    Tcp,
    Udp,
}

/// `443`, or `"8000-8100"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Ports {
    One(u16),
    Range(String),
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(port) => port.fmt(f),
            Self::Range(range) => f.write_str(range),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// A network, `10.9.0.0/16`.
    pub to: String,
    #[schema(value_type = String)]
    pub via: IpAddr,
}

impl Spec for VirtualRouterSpec {
    const TYPE: ResourceType = ResourceType::VirtualRouter;

    fn check(&self) -> Result<(), String> {
        Network::read(self).map(drop)
    }

    fn check_change(&self, next: &Self) -> Result<(), String> {
        if self.server != next.server && next.server.is_some() {
            return Err("server cannot be changed".into());
        }
        match (&self.pair, &next.pair) {
            (Some(now), Some(next)) if now.server != next.server => {
                Err("pair.server cannot be changed: take the pair away first".into())
            }
            _ => Ok(()),
        }
    }

    fn takes(&self) -> Capacity {
        Capacity::default()
    }
}
