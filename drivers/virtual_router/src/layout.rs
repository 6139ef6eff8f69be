//! A router's links, addresses and routes as they should be: a pure function of its record and the node's settings.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::server::RouterSettings;
use model::virtual_router::network::{Lan, Network};
use model::{ResourceId, names};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a public link carries.
const PUBLIC_MTU: u32 = 1500;

/// Whether the router is plugged in: a quiesced one has everything, and its cables hang loose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    On,
    Off,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    pub router: ResourceId,
    pub namespace: String,
    /// Of the links on the node.
    pub group: u32,
    pub power: Power,
    pub ports: Vec<Port>,
    /// WireGuard links; no bridge of the node knows them.
    pub tunnels: Vec<String>,
    pub routes: Vec<Way>,
}

/// A pair of links: one in a bridge of the node, the other in the namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    pub outside: String,
    pub inside: String,
    pub bridge: String,
    /// Says on the node whose it is.
    pub alias: String,
    pub mac: String,
    pub mtu: u32,
    pub addresses: Vec<IpNet>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    pub to: IpNet,
    /// None where the link leads there by itself.
    pub via: Option<IpAddr>,
    /// Through this link, whether its network holds the gateway or not.
    pub link: Option<String>,
}

pub fn layout(router: ResourceId, network: &Network, settings: &RouterSettings, power: Power) -> Layout {
    let mut ports: Vec<Port> = network.has_uplink().then(|| uplink(router, network, settings)).into_iter().collect();
    ports.extend(network.lans.iter().map(|lan| segment(router, lan, settings)));
    let out = |to: IpNet, via: IpAddr| Way { to, via: Some(via), link: Some(names::UPLINK.to_owned()) };
    let v4 = settings.gateway.filter(|gateway| network.public.is_some_and(|own| own.addr() != *gateway));
    let v6 = settings.gateway_v6.filter(|gateway| network.public_v6.is_some_and(|own| own.addr() != *gateway));
    let mut routes = Vec::new();
    routes.extend(v4.map(|gateway| out(IpNet::V4(everywhere()), gateway.into())));
    routes.extend(v6.map(|gateway| out(IpNet::V6(everywhere_v6()), gateway.into())));
    routes.extend(network.routes.iter().map(|(to, via)| Way { to: *to, via: Some(*via), link: None }));
    let mut tunnels = Vec::new();
    for site in network.vpns.iter().filter(|site| site.wireguard().is_some()) {
        let link = names::vpn_link(router, &site.name);
        // Two networks here may reach the same one there.
        let remotes: BTreeSet<_> = site.pairs.iter().map(|(_, remote)| *remote).collect();
        routes.extend(remotes.into_iter().map(|to| Way { to, via: None, link: Some(link.clone()) }));
        tunnels.push(link);
    }
    Layout {
        namespace: names::router_namespace(router),
        group: names::router_group(router),
        router,
        power,
        ports,
        tunnels,
        routes,
    }
}

fn uplink(router: ResourceId, network: &Network, settings: &RouterSettings) -> Port {
    let own = [network.public.map(IpNet::V4), network.public_v6.map(IpNet::V6)];
    // Alone in its network each, so that none depends on another.
    let floating = network.nats.keys().map(|public| IpNet::from(IpAddr::V4(*public)));
    Port {
        outside: names::uplink_port(router),
        inside: names::UPLINK.to_owned(),
        bridge: settings.public_bridge.clone(),
        alias: format!("drover router {router} uplink"),
        mac: names::uplink_mac(router),
        mtu: PUBLIC_MTU,
        addresses: own.into_iter().flatten().chain(floating).collect(),
    }
}

fn segment(router: ResourceId, lan: &Lan, settings: &RouterSettings) -> Port {
    Port {
        outside: names::segment_port(lan.id),
        inside: names::segment_link(lan.id),
        bridge: lan.bridge(),
        alias: format!("drover router {router} segment {}", lan.name),
        mac: names::segment_mac(lan.id),
        mtu: settings.carrier.mtu(),
        addresses: lan.nets().collect(),
    }
}

fn everywhere() -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0)
}

fn everywhere_v6() -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0)
}
