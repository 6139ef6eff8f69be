//! What VPNs add to a ruleset: openings for their packets, and that nothing goes round a tunnel.

use ipnet::IpNet;
use model::names;
use model::virtual_router::network::Network;
use model::virtual_router::site::{Peer, Site};
use std::collections::BTreeSet;
use std::net::IpAddr;

const UPLINK: &str = names::UPLINK;

/// For what peers send to the router itself; from their addresses alone, where those are known.
pub fn openings(network: &Network) -> Vec<String> {
    let mut rules: Vec<String> = Vec::new();
    for site in &network.vpns {
        let from = match &site.peer {
            Some(Peer::Address(address @ IpAddr::V4(_))) => format!(" ip saddr {address}"),
            Some(Peer::Address(address @ IpAddr::V6(_))) => format!(" ip6 saddr {address}"),
            Some(Peer::Name(_)) | None => String::new(),
        };
        let port = |ports: String| format!("iifname \"{UPLINK}\"{from} udp dport {ports} accept");
        match site.wireguard() {
            Some(own) => rules.push(port(own.port.to_string())),
            None => {
                rules.push(port("{ 500, 4500 }".into()));
                rules.push(format!("iifname \"{UPLINK}\"{from} meta l4proto esp accept"));
            }
        }
    }
    let mut seen = BTreeSet::new();
    rules.retain(|rule| seen.insert(rule.clone()));
    rules
}

/// What belongs into a tunnel neither leaves nor comes outside it, also while the tunnel is down and for connections that
/// began before. A tunnel of WireGuard is another link; of IPsec it is the same link, and what has come through it is known.
pub fn no_way_round(network: &Network) -> Vec<String> {
    let mut rules = Vec::new();
    for (word, v4) in [("ip", true), ("ip6", false)] {
        let remotes: BTreeSet<_> =
            pairs(network).map(|(_, remote)| remote).filter(|net| net.addr().is_ipv4() == v4).collect();
        if remotes.is_empty() {
            continue;
        }
        let remotes: Vec<_> = remotes.iter().map(ToString::to_string).collect();
        let set = format!("{{ {} }}", remotes.join(", "));
        rules.push(format!("oifname \"{UPLINK}\" {word} daddr {set} rt ipsec missing drop"));
        rules.push(format!("iifname \"{UPLINK}\" {word} saddr {set} meta ipsec missing drop"));
    }
    rules
}

/// Of what comes in: that which came through no tunnel of IPsec.
pub fn came_plain(network: &Network) -> &'static str {
    if network.vpns.iter().any(|site| site.ipsec().is_some()) { " meta ipsec missing" } else { "" }
}

/// What goes through tunnels, both ways, where the tenant's own rules do not say otherwise.
pub fn through(network: &Network) -> Vec<String> {
    let both = |(local, remote): (IpNet, IpNet)| [between(local, remote), between(remote, local)];
    pairs(network).flat_map(both).map(|pair| format!("{pair} counter accept")).collect()
}

/// A tunnel carries private addresses.
pub fn untranslated(network: &Network) -> Vec<String> {
    let v4 = pairs(network).filter(|(local, _)| local.addr().is_ipv4());
    v4.map(|(local, remote)| format!("{} accept", between(local, remote))).collect()
}

fn pairs(network: &Network) -> impl Iterator<Item = (IpNet, IpNet)> {
    network.vpns.iter().flat_map(|site: &Site| site.pairs.iter().copied())
}

fn between(source: IpNet, destination: IpNet) -> String {
    let word = if source.addr().is_ipv4() { "ip" } else { "ip6" };
    format!("{word} saddr {source} {word} daddr {destination}")
}
