//! A router's wish as it was read: addresses, networks and ranges as such, and nothing in it that contradicts itself. All that
//! is wrong with a wish is said here, in a phrase that names the field.

use super::pair::{Halves, Seat};
use super::site::{self, Site};
use super::{Ports, Protocol, Rule, Segment, VirtualRouterSpec};
use crate::{ResourceId, SegmentId, names};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};

/// What is read of a wish at most, of each.
const MOST: [(&str, usize); 6] =
    [("segments", 32), ("nats", 256), ("sets", 64), ("firewall", 2000), ("routes", 128), ("dns", 4)];
const MOST_MEMBERS: usize = 2000;
const MOST_PORTS: usize = 64;

#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub lans: Vec<Lan>,
    /// The router's own public address.
    pub public: Option<Ipv4Net>,
    pub public_v6: Option<Ipv6Net>,
    /// Public to private.
    pub nats: BTreeMap<Ipv4Addr, Ipv4Addr>,
    pub sets: BTreeMap<String, Vec<IpNet>>,
    /// In their order.
    pub rules: Vec<Match>,
    pub routes: Vec<(IpNet, IpAddr)>,
    pub dns: Vec<IpAddr>,
    pub vpns: Vec<Site>,
    /// Where two nodes hold it.
    pub pair: Option<Halves>,
}

/// A segment as its router sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lan {
    pub name: String,
    pub id: SegmentId,
    pub address: Ipv4Net,
    pub address_v6: Option<Ipv6Net>,
    pub dhcp: bool,
}

/// A rule of the firewall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    pub order: u32,
    pub allow: bool,
    pub source: Side,
    pub destination: Side,
    pub family: Option<Family>,
    pub protocol: Protocol,
    /// Apart from each other, in order.
    pub ports: Vec<(u16, u16)>,
    pub log: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    Any,
    Net(IpNet),
    Set(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

impl Lan {
    /// Its bridge on every host.
    pub fn bridge(&self) -> String {
        names::bridge(self.id, &self.name)
    }

    pub fn nets(&self) -> impl Iterator<Item = IpNet> {
        [Some(IpNet::V4(self.address)), self.address_v6.map(IpNet::V6)].into_iter().flatten()
    }
}

impl Network {
    pub fn read(spec: &VirtualRouterSpec) -> Result<Self, String> {
        let counts = [
            spec.segments.len(),
            spec.nats.len(),
            spec.sets.len(),
            spec.firewall.len(),
            spec.routes.len(),
            spec.dns.len(),
        ];
        if let Some(((field, most), count)) = MOST.iter().zip(counts).find(|((_, most), count)| count > most) {
            return Err(format!("{field} holds at most {most}, not {count}"));
        }
        let lans = spec.segments.iter().map(lan).collect::<Result<Vec<_>, _>>()?;
        distinct("segments.name", lans.iter().map(|lan| &lan.name))?;
        distinct("segments.id", spec.segments.iter().filter_map(|segment| segment.id))?;
        let public = spec.address.as_deref().map(|text| v4("address", text)).transpose()?;
        let public_v6 = spec.address_v6.as_deref().map(|text| v6("address_v6", text)).transpose()?;
        let mut network = Self {
            lans,
            public,
            public_v6,
            nats: BTreeMap::new(),
            sets: BTreeMap::new(),
            rules: Vec::new(),
            routes: Vec::new(),
            dns: spec.dns.clone(),
            vpns: Vec::new(),
            pair: spec.pair.as_ref().and_then(Halves::of),
        };
        network.are_apart()?;
        network.nats = network.read_nats(spec)?;
        for set in &spec.sets {
            names::check_name("sets.name", &set.name, 24)?;
            if network.sets.insert(set.name.clone(), members(&set.name, &set.members)?).is_some() {
                return Err(format!("sets.name {} stands twice", set.name));
            }
        }
        distinct("firewall.order", spec.firewall.iter().map(|rule| rule.order))?;
        network.rules = spec.firewall.iter().map(|rule| network.rule(rule)).collect::<Result<_, _>>()?;
        network.rules.sort_by_key(|rule| rule.order);
        for route in &spec.routes {
            network.read_route(&route.to, route.via)?;
        }
        distinct("routes.to", network.routes.iter().map(|(to, _)| to))?;
        network.vpns = site::read(&network, &spec.vpns)?;
        if spec.pair.is_some() {
            network.can_be_paired()?;
        }
        Ok(network)
    }

    fn can_be_paired(&self) -> Result<(), String> {
        if !self.has_uplink() {
            return Err("pair needs an address of the router's own".into());
        }
        let named = |site: &&Site| site.wireguard().is_some() && matches!(site.peer, Some(site::Peer::Name(_)));
        match self.vpns.iter().find(named) {
            // Without its addresses a standby reaches nobody who could tell what the name means.
            Some(site) => Err(format!("vpns {}: peer is an address where two nodes hold the router", site.name)),
            None => Ok(()),
        }
    }

    /// Which of two the router is; alone it is the first.
    pub fn seat(&self, own: ResourceId) -> Seat {
        self.pair.map_or(Seat::First, |halves| halves.seat(own))
    }

    /// The segments' networks and those of the public side.
    pub fn nets(&self) -> impl Iterator<Item = (String, IpNet)> {
        let own = [("address", self.public.map(IpNet::V4)), ("address_v6", self.public_v6.map(IpNet::V6))];
        let lans = self.lans.iter().flat_map(|lan| lan.nets().map(|net| (format!("segments {}", lan.name), net)));
        own.into_iter().filter_map(|(field, net)| Some((field.to_owned(), net?))).chain(lans)
    }

    pub fn has_uplink(&self) -> bool {
        self.public.is_some() || self.public_v6.is_some()
    }

    fn are_apart(&self) -> Result<(), String> {
        let nets: Vec<_> = self.nets().collect();
        for (at, (field, net)) in nets.iter().enumerate() {
            if let Some((other, overlapped)) = nets[..at].iter().find(|(_, other)| overlap(net, other)) {
                return Err(format!("{field} ({net}) overlaps {other} ({overlapped})"));
            }
        }
        Ok(())
    }

    fn read_nats(&self, spec: &VirtualRouterSpec) -> Result<BTreeMap<Ipv4Addr, Ipv4Addr>, String> {
        let mut nats = BTreeMap::new();
        for nat in &spec.nats {
            let (IpAddr::V4(public), IpAddr::V4(private)) = (nat.public, nat.private) else {
                return Err(format!("nats are of IPv4, not {} to {}", nat.public, nat.private));
            };
            let Some(own) = self.public else { return Err("nats need an address of the router's own".into()) };
            if public == own.addr() || self.lans.iter().any(|lan| lan.address.contains(&public)) {
                return Err(format!("nats.public {public} is the router's own address, or on a segment"));
            }
            is_host("nats.public", public)?;
            let Some(lan) = self.lans.iter().find(|lan| lan.address.contains(&private)) else {
                return Err(format!("nats.private {private} is on no segment"));
            };
            let net = lan.address;
            if [net.addr(), net.network(), net.broadcast()].contains(&private) {
                return Err(format!("nats.private {private} is no machine of segment {}", lan.name));
            }
            if nats.insert(public, private).is_some() {
                return Err(format!("nats.public {public} stands twice"));
            }
        }
        distinct("nats.private", nats.values())?;
        Ok(nats)
    }

    fn rule(&self, rule: &Rule) -> Result<Match, String> {
        let of = |what: &str| format!("firewall rule {}: {what}", rule.order);
        let (source, from) = self.side(&rule.source).map_err(|reason| of(&format!("source {reason}")))?;
        let (destination, to) = self.side(&rule.destination).map_err(|reason| of(&format!("destination {reason}")))?;
        if from.is_some() && to.is_some() && from != to {
            return Err(of("source and destination mix IPv4 and IPv6"));
        }
        if !rule.ports.is_empty() && !matches!(rule.protocol, Protocol::Tcp | Protocol::Udp) {
            return Err(of("ports need protocol tcp or udp"));
        }
        if rule.ports.len() > MOST_PORTS {
            return Err(of(&format!("at most {MOST_PORTS} ports")));
        }
        if rule.description.as_ref().is_some_and(|text| text.len() > 200 || text.chars().any(char::is_control)) {
            return Err(of("description is one line of at most 200 bytes"));
        }
        Ok(Match {
            order: rule.order,
            allow: rule.allow,
            source,
            destination,
            family: from.or(to),
            protocol: rule.protocol,
            ports: ports(&rule.ports).map_err(|reason| of(&reason))?,
            log: rule.log,
        })
    }

    fn side(&self, text: &str) -> Result<(Side, Option<Family>), String> {
        if text == "*" {
            return Ok((Side::Any, None));
        }
        if let Some(name) = text.strip_prefix('@') {
            let set = self.sets.get(name).ok_or_else(|| format!("names no set: {name:?}"))?;
            return Ok((Side::Set(name.to_owned()), set.first().map(|net| Family::of(net.addr()))));
        }
        let net = plain_net(text)?;
        Ok((Side::Net(net), Some(Family::of(net.addr()))))
    }

    fn read_route(&mut self, to: &str, via: IpAddr) -> Result<(), String> {
        let net = plain_net(to).map_err(|reason| format!("routes.to {reason}"))?;
        if Family::of(net.addr()) != Family::of(via) {
            return Err(format!("routes.via {via} is of another family than {net}"));
        }
        if net.prefix_len() == 0 && self.has_uplink() {
            return Err("routes.to is everything: that is the way of the public address".into());
        }
        if let Some((field, taken)) = self.nets().find(|(_, taken)| taken.contains(&net)) {
            return Err(format!("routes.to {net} is within {field} ({taken})"));
        }
        match self.nets().find(|(_, net)| net.contains(&via)) {
            None => return Err(format!("routes.via {via} is on no segment and not on the public side")),
            Some((field, net)) if net.addr() == via => {
                return Err(format!("routes.via {via} is the router itself ({field})"));
            }
            Some(_) => {}
        }
        self.routes.push((net, via));
        Ok(())
    }
}

fn lan(segment: &Segment) -> Result<Lan, String> {
    let Segment { name, id, address, address_v6, dhcp } = segment;
    names::check_name("segments.name", name, 12)?;
    Ok(Lan {
        name: name.clone(),
        id: id.unwrap_or(SegmentId(0)),
        address: v4("segments.address", address)?,
        address_v6: address_v6.as_deref().map(|text| v6("segments.address_v6", text)).transpose()?,
        dhcp: *dhcp,
    })
}

fn v4(field: &str, text: &str) -> Result<Ipv4Net, String> {
    names::check_cidr(field, text)?;
    let net: Ipv4Net = text.parse().map_err(|_| format!("{field} is of IPv4, not {text:?}"))?;
    is_host(field, net.addr())?;
    if net.prefix_len() > 30 || net.addr() == net.network() || net.addr() == net.broadcast() {
        return Err(format!("{field} is a machine's address in a network of at least four, not {text:?}"));
    }
    Ok(net)
}

fn v6(field: &str, text: &str) -> Result<Ipv6Net, String> {
    names::check_cidr(field, text)?;
    let net: Ipv6Net = text.parse().map_err(|_| format!("{field} is of IPv6, not {text:?}"))?;
    let address = net.addr();
    let odd = address.is_unspecified() || address.is_loopback() || address.is_multicast();
    if odd
        || address.is_unicast_link_local()
        || net.prefix_len() > 126
        || net.prefix_len() == 0
        || address == net.network()
    {
        return Err(format!("{field} is a machine's address in a network, not {text:?}"));
    }
    Ok(net)
}

fn is_host(field: &str, address: Ipv4Addr) -> Result<(), String> {
    let odd = address.octets()[0] == 0 || address.is_loopback() || address.is_multicast() || address.octets()[0] >= 240;
    if odd { Err(format!("{field} is no machine's address: {address}")) } else { Ok(()) }
}

/// An address alone, or a network without host bits.
pub(super) fn plain_net(text: &str) -> Result<IpNet, String> {
    let net = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse().map_err(|_| format!("is an address or a network, not {text:?}"))?,
    };
    if net.addr() != net.network() {
        return Err(format!("{net} has bits beyond its prefix; the network is {}", net.trunc()));
    }
    Ok(net)
}

/// Without those that others hold already, in order.
fn members(set: &str, texts: &[String]) -> Result<Vec<IpNet>, String> {
    if texts.is_empty() || texts.len() > MOST_MEMBERS {
        return Err(format!("sets.members of {set} are 1 to {MOST_MEMBERS}, not {}", texts.len()));
    }
    let read = |text: &String| plain_net(text).map_err(|reason| format!("sets.members of {set}: {reason}"));
    let nets = texts.iter().map(read).collect::<Result<BTreeSet<_>, _>>()?;
    if nets.iter().any(|net| net.addr().is_ipv4()) && nets.iter().any(|net| net.addr().is_ipv6()) {
        return Err(format!("sets.members of {set} mix IPv4 and IPv6"));
    }
    let within = |net: &IpNet| nets.iter().any(|other| other != net && other.contains(net));
    Ok(nets.iter().filter(|net| !within(net)).copied().collect())
}

/// In order, and those that touch as one.
fn ports(wanted: &[Ports]) -> Result<Vec<(u16, u16)>, String> {
    let mut ranges = wanted.iter().map(range).collect::<Result<Vec<_>, _>>()?;
    ranges.sort_unstable();
    let mut apart: Vec<(u16, u16)> = Vec::new();
    for (first, last) in ranges {
        match apart.last_mut() {
            Some(before) if u32::from(first) <= u32::from(before.1) + 1 => before.1 = before.1.max(last),
            _ => apart.push((first, last)),
        }
    }
    Ok(apart)
}

fn range(ports: &Ports) -> Result<(u16, u16), String> {
    let text = ports.to_string();
    let wrong = || format!("ports are 1 to 65535, or a range such as 8000-8100, not {text:?}");
    let (first, last) = text.split_once('-').unwrap_or((&text, &text));
    let (first, last): (u16, u16) = (first.parse().map_err(|_| wrong())?, last.parse().map_err(|_| wrong())?);
    if first == 0 || first > last { Err(wrong()) } else { Ok((first, last)) }
}

pub(super) fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(&other.network()) || other.contains(&one.network())
}

pub(super) fn distinct<T: Ord + Display>(field: &str, values: impl IntoIterator<Item = T>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for value in values {
        if seen.contains(&value) {
            return Err(format!("{field} {value} stands twice"));
        }
        seen.insert(value);
    }
    Ok(())
}
