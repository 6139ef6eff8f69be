//! A network namespace for each client, so that it can be cut off alone. A bridge joins them; the services are on it.

use crate::folder::{is_gone, is_left_over, name};
use anyhow::{Context, Result, bail};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Stdio};

/// How our interfaces' names begin; with a process and a client they have at most 15 letters.
const INTERFACE: &str = "dh";

/// Which way packets are dropped, seen from the client.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    In,
    Out,
    Both,
}

/// Taken down with it, bridge and namespaces.
pub struct Network {
    bridge: String,
    /// The clients' ends of their pairs, outside.
    outsides: Vec<String>,
    /// The services'.
    pub address: IpAddr,
    pub namespaces: Vec<String>,
}

/// A client that is cut off, until it is dropped.
pub struct Cut<'a>(&'a str);

impl Network {
    /// Networks of two processes are apart, unless their numbers differ by a multiple of 512.
    pub fn new(clients: u32) -> Result<Self> {
        let process = std::process::id();
        let [low, high, ..] = process.to_le_bytes();
        // Addresses that are set aside for measurements.
        let subnet = |host| Ipv4Addr::new(198, 18 + high % 2, low, host);
        let address = subnet(254);
        let bridge = format!("{INTERFACE}{process}br");
        let mut network =
            Self { bridge: bridge.clone(), outsides: Vec::new(), address: IpAddr::V4(address), namespaces: Vec::new() };
        ip(&["link", "add", &bridge, "type", "bridge"])?;
        ip(&["address", "add", &format!("{address}/24"), "dev", &bridge])?;
        ip(&["link", "set", &bridge, "up"])?;
        for client in 0..clients {
            let namespace = name(&client.to_string());
            let own = subnet(u8::try_from(client + 1).context("too many clients for a network")?);
            let outside = format!("{INTERFACE}{process}-{client}");
            ip(&["netns", "add", &namespace])?;
            network.namespaces.push(namespace.clone());
            ip(&["link", "add", &outside, "type", "veth", "peer", "name", "eth0", "netns", &namespace])?;
            network.outsides.push(outside.clone());
            ip(&["link", "set", &outside, "master", &bridge, "up"])?;
            ip(&["-n", &namespace, "address", "add", &format!("{own}/24"), "dev", "eth0"])?;
            ip(&["-n", &namespace, "link", "set", "eth0", "up"])?;
        }
        Ok(network)
    }

    pub fn remove_left_over() -> Result<()> {
        for namespace in listed("/run/netns")?.into_iter().filter(|namespace| is_left_over(namespace)) {
            ip(&["netns", "delete", &namespace])?;
        }
        for interface in listed("/sys/class/net")? {
            let Some(rest) = interface.strip_prefix(INTERFACE) else { continue };
            let process = rest.strip_suffix("br").or_else(|| Some(rest.split_once('-')?.0));
            if process.is_some_and(is_gone) {
                // With its namespace a pair goes by itself, sooner or later.
                let _ = ip(&["link", "delete", &interface]);
            }
        }
        Ok(())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for interface in self.outsides.iter().chain([&self.bridge]) {
            complain(ip(&["link", "delete", interface]));
        }
        for namespace in &self.namespaces {
            complain(ip(&["netns", "delete", namespace]));
        }
    }
}

impl<'a> Cut<'a> {
    pub fn new(namespace: &'a str, way: Way) -> Result<Self> {
        let chain = |hook| format!("chain {hook} {{ type filter hook {hook} priority 0; policy drop; }}; ");
        let chains = match way {
            Way::In => chain("input"),
            Way::Out => chain("output"),
            Way::Both => chain("input") + &chain("output"),
        };
        nft(namespace, &format!("table inet cut {{ {chains} }}"))?;
        Ok(Self(namespace))
    }
}

impl Drop for Cut<'_> {
    fn drop(&mut self) {
        complain(nft(self.0, "delete table inet cut"));
    }
}

/// Nothing where the folder is not there.
fn listed(folder: &str) -> Result<Vec<String>> {
    if !Path::new(folder).exists() {
        return Ok(Vec::new());
    }
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn ip(arguments: &[&str]) -> Result<()> {
    done("ip", arguments)
}

fn nft(namespace: &str, rules: &str) -> Result<()> {
    done("ip", &["netns", "exec", namespace, "nft", rules])
}

fn done(program: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("starting {program}"))?;
    if !output.status.success() {
        bail!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// In a drop there is nobody else to tell.
fn complain(result: Result<()>) {
    if let Err(error) = result {
        eprintln!("{error:#}");
    }
}
