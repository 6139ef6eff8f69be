//! What the node holds, and what the test has ordered.

use super::nft::Table;
use crate::fakes::kvm::{self, files::Files};
use hosts::HostError;
use hosts::guard::Memory;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A program's stdout with status 0, or what it refused with.
pub(super) type Answer = Result<String, Refused>;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub status: i32,
    /// What it said all the same.
    pub stdout: String,
    pub stderr: String,
}

impl From<kvm::state::Refused> for Refused {
    fn from(refused: kvm::state::Refused) -> Self {
        Self { status: refused.status, stdout: String::new(), stderr: refused.stderr }
    }
}

pub(super) fn refused<T>(status: i32, stderr: impl Into<String>) -> Result<T, Refused> {
    Err(Refused { status, stdout: String::new(), stderr: stderr.into() })
}

pub(super) type Predicate = Box<dyn Fn(&str) -> bool + Send>;

#[derive(Default)]
pub(super) struct State {
    pub files: Files,
    /// Of the node, by name.
    pub links: BTreeMap<String, Link>,
    pub spaces: BTreeMap<String, Space>,
    pub processes: BTreeMap<u32, Process>,
    /// Units that start with the node.
    pub enabled: BTreeSet<String>,
    pub sysctls: BTreeMap<String, String>,
    /// Whether the kernel does WireGuard.
    pub has_wireguard: bool,
    pub fences: Memory,
    pub failures: Vec<(Predicate, HostError)>,
    pub transcript: Vec<String>,
    /// The last numbers given out.
    pub index: u32,
    pub pid: u32,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Link {
    pub index: u32,
    pub kind: Kind,
    pub group: u32,
    pub mtu: u32,
    pub alias: Option<String>,
    pub master: Option<String>,
    pub is_up: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Bridge,
    /// With its other end's namespace and name.
    Veth(String, String),
    Vlan(u32),
    Vxlan(u32),
    /// What the test has put there.
    Given,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Space {
    pub is_lo_up: bool,
    pub links: BTreeMap<String, Inner>,
    pub routes: Vec<Route>,
    pub sysctls: BTreeMap<String, String>,
    /// By name.
    pub tables: BTreeMap<String, Table>,
}

/// An end of a veth in a namespace.
#[derive(Clone, Debug, Default)]
pub(super) struct Inner {
    pub index: u32,
    pub mac: String,
    pub mtu: u32,
    pub is_up: bool,
    /// Of WireGuard, what it has read.
    pub wireguard: Option<Wireguard>,
    pub addresses: Vec<IpNet>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub to: IpNet,
    pub via: Option<IpAddr>,
    pub link: String,
}

/// A configuration as wg dumps it, tabs and all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wireguard {
    pub dump: String,
}

#[derive(Clone, Debug)]
pub(super) struct Process {
    pub space: String,
    /// Empty where it writes none.
    pub pid_file: String,
    pub program: Daemon,
}

#[derive(Clone, Debug)]
pub(super) enum Daemon {
    /// What it has read of its files of hosts, with their paths.
    Dnsmasq(Vec<(String, String)>),
    /// The socket that it hears on, and its connections by name.
    Charon(String, BTreeMap<String, String>),
    /// The link that it is.
    WireguardGo(String),
    /// The addresses that it has set, with their links. It is alone: no other router speaks to it.
    Keepalived { config: String, vrrp_pid_file: String, held: Vec<(IpNet, String)> },
}

impl State {
    /// A link goes with its other end, its addresses and its routes.
    pub fn drop_link(&mut self, name: &str) -> bool {
        let Some(link) = self.links.remove(name) else { return false };
        for other in self.links.values_mut().filter(|other| other.master.as_deref() == Some(name)) {
            other.master = None;
        }
        if let Kind::Veth(space, inner) = link.kind
            && let Some(space) = self.spaces.get_mut(&space)
        {
            space.links.remove(&inner);
            space.routes.retain(|route| route.link != inner);
        }
        true
    }
}
