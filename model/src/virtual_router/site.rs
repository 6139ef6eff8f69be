//! A VPN as it was read: addresses and networks as such, algorithms that are known, keys of the right form.

use super::network::{Family, Network, distinct, overlap, plain_net};
use super::vpn::{Establish, Ipsec, Tunnel, Vpn, Wireguard};
use crate::names;
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

const MOST: usize = 32;
const MOST_ROUTES: usize = 32;
const MOST_ALGORITHMS: usize = 8;

pub const ENCRYPTION: &[&str] = &["aes128", "aes192", "aes256", "aes128gcm16", "aes256gcm16", "chacha20poly1305"];
/// Those that authenticate by themselves.
pub const COMBINED: &[&str] = &["aes128gcm16", "aes256gcm16", "chacha20poly1305"];
pub const AUTHENTICATION: &[&str] = &["sha1", "sha256", "sha384", "sha512"];
pub const GROUPS: &[&str] = &["modp2048", "modp3072", "modp4096", "ecp256", "ecp384", "ecp521", "curve25519"];

#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    pub name: String,
    pub peer: Option<Peer>,
    /// Of this site and of the other.
    pub pairs: Vec<(IpNet, IpNet)>,
    pub tunnel: Tunnel,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    Address(IpAddr),
    Name(String),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl Site {
    pub fn ipsec(&self) -> Option<&Ipsec> {
        if let Tunnel::Ipsec(ipsec) = &self.tunnel { Some(ipsec) } else { None }
    }

    pub fn wireguard(&self) -> Option<&Wireguard> {
        if let Tunnel::Wireguard(wireguard) = &self.tunnel { Some(wireguard) } else { None }
    }

    /// Who an IPsec peer says it is.
    pub fn remote_id(&self) -> String {
        let said = self.ipsec().and_then(|ipsec| ipsec.remote_id.clone());
        said.or_else(|| self.peer.as_ref().map(ToString::to_string)).unwrap_or_default()
    }
}

pub(super) fn read(network: &Network, vpns: &[Vpn]) -> Result<Vec<Site>, String> {
    if vpns.len() > MOST {
        return Err(format!("vpns holds at most {MOST}, not {}", vpns.len()));
    }
    if !vpns.is_empty() && !network.has_uplink() {
        return Err("vpns need an address of the router's own".into());
    }
    distinct("vpns.name", vpns.iter().map(|vpn| &vpn.name))?;
    let mut sites: Vec<Site> = Vec::new();
    for vpn in vpns {
        let site = site(network, vpn).map_err(|reason| format!("vpns {}: {reason}", vpn.name))?;
        let others = sites.iter().flat_map(|site| &site.pairs).map(|(_, remote)| remote);
        for taken in others {
            if let Some((_, remote)) = site.pairs.iter().find(|(_, remote)| overlap(remote, taken)) {
                return Err(format!("vpns {}: routes.remote {remote} is another's already ({taken})", vpn.name));
            }
        }
        sites.push(site);
    }
    distinct("vpns.name, shortened,", vpns.iter().map(|vpn| names::vpn_mark(&vpn.name)))?;
    distinct("vpns.tunnel.wireguard.port", sites.iter().filter_map(Site::wireguard).map(|own| own.port))?;
    distinct("vpns.tunnel.ipsec.remote_id", sites.iter().filter(|site| site.ipsec().is_some()).map(Site::remote_id))?;
    Ok(sites)
}

fn site(network: &Network, vpn: &Vpn) -> Result<Site, String> {
    names::check_name("name", &vpn.name, 24)?;
    let peer = vpn.peer.as_deref().map(peer).transpose()?;
    if vpn.routes.is_empty() || vpn.routes.len() > MOST_ROUTES {
        return Err(format!("routes are 1 to {MOST_ROUTES}, not {}", vpn.routes.len()));
    }
    let mut pairs = Vec::new();
    for route in &vpn.routes {
        pairs.push(pair(network, &route.local, &route.remote)?);
    }
    distinct("routes.local and routes.remote", pairs.iter().map(|(local, remote)| format!("{local} {remote}")))?;
    if let Some(Peer::Address(address)) = peer {
        let of_family = |net: Option<IpNet>| net.is_some_and(|net| net.addr().is_ipv4() == address.is_ipv4());
        if !of_family(network.public.map(IpNet::V4)) && !of_family(network.public_v6.map(IpNet::V6)) {
            return Err(format!("peer {address} is of a family that the router has no public address of"));
        }
        if let Some((_, remote)) = pairs.iter().find(|(_, remote)| remote.contains(&address)) {
            return Err(format!("peer {address} is within routes.remote {remote}: the tunnel would go through itself"));
        }
        if network.nets().any(|(_, net)| net.addr() == address) {
            return Err(format!("peer {address} is the router itself"));
        }
    }
    match &vpn.tunnel {
        Tunnel::Ipsec(ipsec) => check_ipsec(ipsec, peer.as_ref())?,
        Tunnel::Wireguard(wireguard) => check_wireguard(wireguard)?,
    }
    Ok(Site { name: vpn.name.clone(), peer, pairs, tunnel: vpn.tunnel.clone() })
}

fn peer(text: &str) -> Result<Peer, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        let odd = address.is_unspecified() || address.is_loopback() || address.is_multicast();
        return if odd { Err(format!("peer is no machine's address: {address}")) } else { Ok(Peer::Address(address)) };
    }
    let label = |label: &str| names::check_name("", &label.to_ascii_lowercase(), 63).is_ok();
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if text.len() > 253 || numeric || !text.split('.').all(label) {
        return Err(format!("peer is an address or a host name, not {text:?}"));
    }
    Ok(Peer::Name(text.to_ascii_lowercase()))
}

fn pair(network: &Network, local: &str, remote: &str) -> Result<(IpNet, IpNet), String> {
    let read = |field: &str, text: &str| plain_net(text).map_err(|reason| format!("{field} {reason}"));
    let (local, remote) = (read("routes.local", local)?, read("routes.remote", remote)?);
    if Family::of(local.addr()) != Family::of(remote.addr()) {
        return Err(format!("routes.local {local} and routes.remote {remote} mix IPv4 and IPv6"));
    }
    if remote.prefix_len() == 0 {
        return Err("routes.remote is everything: that is the way of the public address".into());
    }
    let behind = network.lans.iter().flat_map(|lan| lan.nets().collect::<Vec<_>>());
    let behind: Vec<_> = behind.chain(network.routes.iter().map(|(to, _)| *to)).collect();
    if !behind.iter().any(|net| net.contains(&local)) {
        return Err(format!("routes.local {local} is within no segment and no network behind one"));
    }
    if let Some((field, own)) = network.nets().find(|(_, own)| overlap(own, &remote)) {
        return Err(format!("routes.remote {remote} overlaps {field} ({own})"));
    }
    if let Some((to, _)) = network.routes.iter().find(|(to, _)| overlap(to, &remote)) {
        return Err(format!("routes.remote {remote} overlaps routes.to {to}"));
    }
    Ok((local, remote))
}

fn check_ipsec(ipsec: &Ipsec, peer: Option<&Peer>) -> Result<(), String> {
    let key = ipsec.pre_shared_key.reveal();
    if !(8..=256).contains(&key.len()) || key.chars().any(char::is_control) {
        return Err("pre_shared_key is one line of 8 to 256 bytes".into());
    }
    for (field, id) in [("local_id", &ipsec.local_id), ("remote_id", &ipsec.remote_id)] {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_@:".contains(&byte);
        if id.as_ref().is_some_and(|id| id.is_empty() || id.len() > 255 || !id.bytes().all(plain)) {
            return Err(format!("{field} is 1 to 255 letters, digits and any of . - _ @ :"));
        }
    }
    if !matches!(ipsec.version, 1 | 2) {
        return Err(format!("version is 1 or 2, not {}", ipsec.version));
    }
    known("ike_encryption", &ipsec.ike_encryption, ENCRYPTION, 1)?;
    known("ike_authentication", &ipsec.ike_authentication, AUTHENTICATION, 1)?;
    known("ike_dh", &ipsec.ike_dh, GROUPS, 1)?;
    known("esp_encryption", &ipsec.esp_encryption, ENCRYPTION, 1)?;
    known("esp_dh", &ipsec.esp_dh, GROUPS, 0)?;
    let alone = ipsec.esp_encryption.iter().all(|name| COMBINED.contains(&name.as_str()));
    known("esp_authentication", &ipsec.esp_authentication, AUTHENTICATION, usize::from(!alone))?;
    let combined = ipsec.ike_encryption.iter().find(|name| COMBINED.contains(&name.as_str()));
    if ipsec.version == 1
        && let Some(name) = combined
    {
        return Err(format!("ike_encryption {name} needs version 2"));
    }
    for (field, secs) in
        [("ike_lifetime_secs", ipsec.ike_lifetime_secs), ("esp_lifetime_secs", ipsec.esp_lifetime_secs)]
    {
        if !(300..=86_400).contains(&secs) {
            return Err(format!("{field} is 300 to 86400, not {secs}"));
        }
    }
    match peer {
        Some(_) => Ok(()),
        None if ipsec.establish != Establish::None => Err("establish is none where no peer is named".into()),
        None if ipsec.remote_id.is_none() => Err("remote_id is needed where no peer is named".into()),
        None if ipsec.version == 1 => Err("version 1 needs a peer".into()),
        None => Ok(()),
    }
}

fn known(field: &str, names: &[String], known: &[&str], fewest: usize) -> Result<(), String> {
    if names.len() < fewest || names.len() > MOST_ALGORITHMS {
        return Err(format!("{field} holds {fewest} to {MOST_ALGORITHMS}, not {}", names.len()));
    }
    if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("{field} {name:?} is not known; known are {}", known.join(", ")));
    }
    distinct(field, names)
}

fn check_wireguard(wireguard: &Wireguard) -> Result<(), String> {
    let Wireguard { private_key, peer_public_key, pre_shared_key, port, peer_port, keepalive_secs } = wireguard;
    let shared = pre_shared_key.as_ref().map_or(peer_public_key.as_str(), |key| key.reveal());
    for (field, key) in
        [("private_key", private_key.reveal()), ("peer_public_key", peer_public_key), ("pre_shared_key", shared)]
    {
        if !is_key(key) {
            return Err(format!("{field} is 32 bytes in base64, as wg writes them"));
        }
    }
    if *port == 0 || *peer_port == 0 {
        return Err("port and peer_port are 1 to 65535".into());
    }
    // dnsmasq and IKE are there already.
    if [53, 67, 500, 547, 4500].contains(port) {
        return Err(format!("port {port} is taken by the router itself"));
    }
    if *keepalive_secs == Some(0) {
        return Err("keepalive_secs is 1 to 65535".into());
    }
    Ok(())
}

/// 43 digits, of which the last has its lowest two bits unset, and a sign that fills up.
fn is_key(text: &str) -> bool {
    let Some(digits) = text.strip_suffix('=') else { return false };
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"+/".contains(&byte);
    digits.len() == 43 && digits.bytes().all(is_digit) && digits.ends_with(|last| "AEIMQUYcgkosw048".contains(last))
}
