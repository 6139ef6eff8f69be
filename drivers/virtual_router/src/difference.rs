//! What is to be done so that a node's links, addresses and routes are as the layout says: lines of `ip -batch`, a pure
//! function. The difference from nothing is what brings a router back when its node starts.

use crate::layout::{Layout, Port, Power, Way};
use commands::ip::link::{Address, Interface, Link, Route};
use ipnet::IpNet;
use model::names;
use std::net::IpAddr;

/// What is there.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The router's links on the node.
    pub outside: Vec<Link>,
    pub inside: Vec<Interface>,
    pub routes: Vec<Route>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    pub outside: Vec<String>,
    pub inside: Vec<String>,
}

impl Difference {
    pub fn is_empty(&self) -> bool {
        self.outside.is_empty() && self.inside.is_empty()
    }
}

/// Loopback; it has no port.
const LOOPBACK: &str = "lo";

pub fn difference(layout: &Layout, found: &Found) -> Difference {
    let mut change = Difference::default();
    let wanted = |link: &&Link| layout.ports.iter().any(|port| port.outside == link.name);
    change
        .outside
        .extend(found.outside.iter().filter(|link| !wanted(link)).map(|link| format!("link delete dev {}", link.name)));
    let is_up = |name: &str| found.inside.iter().any(|own| own.link.name == name && own.link.is_up());
    if !is_up(LOOPBACK) {
        change.inside.push(format!("link set dev {LOOPBACK} up"));
    }
    let is_tunnel = |own: &&Interface| names::is_vpn_link(layout.router, &own.link.name);
    let stale = found.inside.iter().filter(is_tunnel).filter(|own| !layout.tunnels.contains(&own.link.name));
    change.inside.extend(stale.map(|own| format!("link delete dev {}", own.link.name)));
    let mut addresses_went = false;
    for port in &layout.ports {
        outside(layout, port, found, &mut change.outside);
        addresses_went |= inside(port, found, &mut change.inside);
    }
    for name in &layout.tunnels {
        if !is_up(name) {
            change.inside.push(format!("link set dev {name} up"));
            addresses_went = true;
        }
    }
    routes(layout, found, addresses_went, &mut change.inside);
    change
}

fn outside(layout: &Layout, port: &Port, found: &Found, lines: &mut Vec<String>) {
    let Port { outside, inside, bridge, alias, mac, mtu, .. } = port;
    let Layout { namespace, group, power, .. } = layout;
    let there = found.outside.iter().find(|link| link.name == *outside);
    if there.is_none() {
        lines.push(format!(
            "link add name {outside} group {group} mtu {mtu} type veth peer name {inside} netns {namespace} address {mac} mtu {mtu}"
        ));
    }
    let mut set = String::new();
    if there.is_none_or(|link| link.alias.as_deref() != Some(alias)) {
        set += &format!(" alias \"{alias}\"");
    }
    if there.is_some_and(|link| link.mtu != *mtu) {
        set += &format!(" mtu {mtu}");
    }
    if there.is_none_or(|link| link.master.as_deref() != Some(bridge)) {
        set += &format!(" master {bridge}");
    }
    let up = *power == Power::On;
    if there.map_or(up, |link| link.is_up() != up) {
        set += if up { " up" } else { " down" };
    }
    if !set.is_empty() {
        lines.push(format!("link set dev {outside}{set}"));
    }
}

/// Gives whether an address went: its routes may have gone with it.
fn inside(port: &Port, found: &Found, lines: &mut Vec<String>) -> bool {
    let name = &port.inside;
    let there = found.inside.iter().find(|own| own.link.name == *name);
    let has: Vec<IpNet> = there.map(set_here).unwrap_or_default();
    // What it has while it serves comes and goes with that.
    let is_held = |net: &IpNet| !port.held.is_empty() && !names::is_pair_address(net.addr());
    let gone: Vec<_> = has.iter().filter(|net| !port.addresses.contains(net) && !is_held(net)).collect();
    // Before what comes: the first address of a network takes the others with it when it goes.
    lines.extend(gone.iter().map(|net| format!("address delete {net} dev {name}")));
    for net in port.addresses.iter().filter(|net| !has.contains(net)) {
        // An address that is being looked for elsewhere does not serve yet.
        let nodad = if net.addr().is_ipv6() { " nodad" } else { "" };
        lines.push(format!("address replace {net} dev {name}{nodad}"));
    }
    if there.is_some_and(|own| own.link.mtu != port.mtu) {
        lines.push(format!("link set dev {name} mtu {}", port.mtu));
    }
    if !there.is_some_and(|own| own.link.is_up()) {
        lines.push(format!("link set dev {name} up"));
    }
    !gone.is_empty() || there.is_none()
}

/// All but those that the kernel sets by itself.
fn set_here(interface: &Interface) -> Vec<IpNet> {
    let is_ours = |address: &&Address| address.scope == "global" || names::is_pair_address(address.local);
    interface
        .addresses
        .iter()
        .filter(is_ours)
        .filter_map(|address| IpNet::new(address.local, address.prefix).ok())
        .collect()
}

fn routes(layout: &Layout, found: &Found, anew: bool, lines: &mut Vec<String>) {
    let is = |way: &Way, route: &Route| {
        reads(&way.to, &route.to, route) && route.via == way.via && (way.via.is_some() || route.dev == way.link)
    };
    for route in &found.routes {
        // Those through a link that goes are gone with it.
        let goes = |dev: &String| !layout.ports.iter().any(|port| port.inside == *dev) && !layout.tunnels.contains(dev);
        if route.dev.as_ref().is_some_and(goes) {
            continue;
        }
        // One to the same network is replaced.
        let replaced = |way: &Way| reads(&way.to, &route.to, route);
        if !layout.routes.iter().any(replaced) {
            lines.push(format!("route delete {} proto static", to_text(route)));
        }
    }
    for way in &layout.routes {
        if anew || !found.routes.iter().any(|route| is(way, route)) {
            lines.push(format!("route replace {}{} proto static", way.to, way.through()));
        }
    }
}

/// `ip` writes `default` for everywhere, and an address alone without its prefix.
fn reads(net: &IpNet, text: &str, route: &Route) -> bool {
    match text {
        "default" => net.prefix_len() == 0 && route.via.is_some_and(|via| via.is_ipv4() == net.addr().is_ipv4()),
        text => {
            text.parse().is_ok_and(|found: IpNet| found == *net)
                || text.parse().is_ok_and(|found: IpAddr| IpNet::from(found) == *net)
        }
    }
}

fn to_text(route: &Route) -> String {
    match (route.to.as_str(), route.via) {
        ("default", Some(via)) if via.is_ipv6() => "::/0".to_owned(),
        ("default", _) => "0.0.0.0/0".to_owned(),
        (to, _) => to.to_owned(),
    }
}
