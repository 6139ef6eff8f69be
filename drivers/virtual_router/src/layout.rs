//! A router's links, addresses and routes as they should be: a pure function of its record and the node's settings.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::server::RouterSettings;
use model::virtual_router::network::{Lan, Network};
use model::virtual_router::pair::Seat;
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
    /// Those that it has while it serves.
    pub held_routes: Vec<Way>,
}

impl Layout {
    /// Whether a link of the namespace belongs to a segment that the router is on no more.
    pub fn is_gone(&self, link: &str) -> bool {
        names::is_segment_link(link) && !self.ports.iter().any(|port| port.inside == link)
    }
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
    /// Those that the router has while it serves: of two nodes that hold it one.
    pub held: Vec<IpNet>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    pub to: IpNet,
    /// None where the link leads there by itself.
    pub via: Option<IpAddr>,
    /// Through this link, whether its network holds the gateway or not.
    pub link: Option<String>,
}

impl Way {
    /// As `ip` and keepalived read it, behind the network.
    pub fn through(&self) -> String {
        match (self.via, &self.link) {
            (Some(via), Some(link)) => format!(" via {via} dev {link} onlink"),
            (Some(via), None) => format!(" via {via}"),
            (None, Some(link)) => format!(" dev {link}"),
            (None, None) => String::new(),
        }
    }
}

pub fn layout(router: ResourceId, network: &Network, settings: &RouterSettings, power: Power) -> Layout {
    let mut ports: Vec<Port> = network.has_uplink().then(|| uplink(router, network, settings)).into_iter().collect();
    ports.extend(network.lans.iter().map(|lan| segment(router, network.seat(router), lan, settings)));
    let out = |to: IpNet, via: IpAddr| Way { to, via: Some(via), link: Some(names::UPLINK.to_owned()) };
    let v4 = settings.gateway.filter(|gateway| network.public.is_some_and(|own| own.addr() != *gateway));
    let v6 = settings.gateway_v6.filter(|gateway| network.public_v6.is_some_and(|own| own.addr() != *gateway));
    let mut routes = Vec::new();
    routes.extend(v4.map(|gateway| out(IpNet::V4(everywhere()), gateway.into())));
    routes.extend(v6.map(|gateway| out(IpNet::V6(everywhere_v6()), gateway.into())));
    routes.extend(network.routes.iter().map(|(to, via)| Way { to: *to, via: Some(*via), link: None }));
    let mut held_routes = Vec::new();
    if network.pair.is_some() {
        for port in &mut ports {
            port.held = std::mem::take(&mut port.addresses);
        }
        let own = IpNet::V6(Ipv6Net::new_assert(names::pair_address(router), 64));
        ports.iter_mut().filter(|port| port.inside == names::UPLINK).for_each(|port| port.addresses = vec![own]);
        // Without an address nothing says which link leads to a gateway.
        let named = |way: Way| Way { link: way.link.or_else(|| way.via.map(|via| leads_to(network, via))), ..way };
        held_routes = routes.drain(..).map(named).collect();
    }
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
        held_routes,
    }
}

fn leads_to(network: &Network, via: IpAddr) -> String {
    let lan = network.lans.iter().find(|lan| lan.nets().any(|net| net.contains(&via)));
    lan.map_or_else(|| names::UPLINK.to_owned(), |lan| names::segment_link(lan.id))
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
        held: Vec::new(),
    }
}

fn segment(router: ResourceId, seat: Seat, lan: &Lan, settings: &RouterSettings) -> Port {
    Port {
        outside: names::segment_port(lan.id, seat),
        inside: names::segment_link(lan.id),
        bridge: lan.bridge(),
        alias: format!("drover router {router} segment {}", lan.name),
        mac: names::segment_mac(lan.id, seat),
        mtu: settings.carrier.mtu(),
        addresses: lan.nets().collect(),
        held: Vec::new(),
    }
}

fn everywhere() -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0)
}

fn everywhere_v6() -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0)
}
