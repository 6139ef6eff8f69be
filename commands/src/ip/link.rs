//! Links, their addresses and routes. Changes are batches: one command a line, read from stdin.

use super::rows;
use hosts::{Command, Invocation, Output};
use serde::Deserialize;
use std::net::IpAddr;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Link {
    #[serde(rename = "ifname")]
    pub name: String,
    /// The bridge that it is plugged into.
    #[serde(default)]
    pub master: Option<String>,
    #[serde(rename = "ifalias", default)]
    pub alias: Option<String>,
    #[serde(default)]
    pub mtu: u32,
    #[serde(default)]
    flags: Vec<String>,
}

impl Link {
    pub fn is_up(&self) -> bool {
        self.flags.iter().any(|flag| flag == "UP")
    }
}

/// A link with its addresses.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Interface {
    #[serde(flatten)]
    pub link: Link,
    #[serde(rename = "addr_info", default)]
    pub addresses: Vec<Address>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Address {
    pub local: IpAddr,
    #[serde(rename = "prefixlen")]
    pub prefix: u8,
    pub scope: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Route {
    /// A network, an address, or `default`.
    #[serde(rename = "dst")]
    pub to: String,
    #[serde(rename = "gateway", default)]
    pub via: Option<IpAddr>,
    #[serde(default)]
    pub dev: Option<String>,
}

/// Every link of the node that is in a group.
pub fn of_group(group: u32) -> Command<Vec<Link>> {
    let group = group.to_string();
    Command { invocation: Invocation::looks(["ip", "-json", "link", "show", "group", &group]), read: rows }
}

/// One link of the node; none when it is absent.
pub fn find(name: &str) -> Command<Option<Link>> {
    let read = |output: &Output| match output.status {
        0 => Ok(rows(output)?.pop()),
        _ if String::from_utf8_lossy(&output.stderr).contains("does not exist") => Ok(None),
        _ => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    };
    Command { invocation: Invocation::looks(["ip", "-json", "link", "show", "dev", name]).answers(&[0, 1]), read }
}

/// Every link of a namespace.
pub fn interfaces(namespace: &str) -> Command<Vec<Interface>> {
    Command { invocation: Invocation::looks(["ip", "-netns", namespace, "-json", "address", "show"]), read: rows }
}

/// The routes of a namespace that somebody has set, and not the kernel.
pub fn routes(namespace: &str) -> Command<Vec<Route>> {
    let argv = ["ip", "-netns", namespace, "-json", "-4", "route", "show", "proto", "static"];
    Command { invocation: Invocation::looks(argv), read: rows }
}

pub fn routes_v6(namespace: &str) -> Command<Vec<Route>> {
    let argv = ["ip", "-netns", namespace, "-json", "-6", "route", "show", "proto", "static"];
    Command { invocation: Invocation::looks(argv), read: rows }
}

/// Carries out a batch on the node; the first line that fails ends it.
pub fn batch(lines: &[String]) -> Command<()> {
    Command::plain(Invocation::acts(["ip", "-batch", "-"]).stdin(text(lines)))
}

/// The same in a namespace.
pub fn batch_inside(namespace: &str, lines: &[String]) -> Command<()> {
    Command::plain(Invocation::acts(["ip", "-netns", namespace, "-batch", "-"]).stdin(text(lines)))
}

/// WireGuard in the kernel, without keys yet.
pub fn add_wireguard(namespace: &str, name: &str) -> Command<()> {
    Command::plain(Invocation::acts(add_wireguard_argv(namespace, name)))
}

/// As [`add_wireguard`] runs it.
pub fn add_wireguard_argv<'a>(namespace: &'a str, name: &'a str) -> Vec<&'a str> {
    vec!["ip", "-netns", namespace, "link", "add", "name", name, "type", "wireguard"]
}

pub fn text(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Where a VXLAN sends what it has not learned: once to each peer.
pub fn flood(peers: &[(String, IpAddr)]) -> Command<()> {
    let lines: Vec<_> = peers.iter().map(|(link, peer)| flood_line(link, *peer)).collect();
    Command::plain(Invocation::acts(["bridge", "-batch", "-"]).stdin(text(&lines)))
}

/// As `bridge -batch` takes it.
pub fn flood_line(link: &str, peer: IpAddr) -> String {
    format!("fdb append 00:00:00:00:00:00 dev {link} dst {peer} self permanent")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(bytes: &[u8]) -> Output {
        Output { stdout: bytes.to_vec(), ..Output::default() }
    }

    #[test]
    fn recorded_answers_are_read() {
        let links: Vec<Link> = rows(&recorded(include_bytes!("../../golden/ip-group.json"))).unwrap();
        assert_eq!(links.len(), 1);
        assert_eq!((links[0].name.as_str(), links[0].mtu, links[0].is_up()), ("dr-s12", 1450, false));
        let inside: Vec<Interface> = rows(&recorded(include_bytes!("../../golden/ip-address.json"))).unwrap();
        let global = |interface: &Interface| interface.addresses.iter().filter(|own| own.scope == "global").count();
        assert_eq!(inside.iter().map(global).collect::<Vec<_>>(), [0, 2]);
        let routes: Vec<Route> = rows(&recorded(include_bytes!("../../golden/ip-route.json"))).unwrap();
        assert_eq!((routes[0].to.as_str(), routes[0].via), ("10.9.0.0/16", Some([10, 1, 0, 9].into())));
    }
}
