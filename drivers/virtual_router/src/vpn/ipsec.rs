//! IPsec by strongSwan: charon's own configuration, and its connections and secrets for swanctl. Pure functions, with golden
//! files.

use super::Carried;
use crate::ruleset::digest;
use model::virtual_router::network::Network;
use model::virtual_router::site::{COMBINED, Peer, Site};
use model::virtual_router::vpn::{Establish, Ipsec};
use std::fmt::Write;

#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// Of charon itself.
    pub daemon: String,
    /// Another for every configuration of charon: whoever runs says by it which one he has read.
    pub pid_file: String,
    pub socket: String,
    /// Connections and secrets.
    pub connections: String,
    /// The connections' names, each with a digest of all that belongs to it.
    pub marks: Vec<(String, String)>,
}

/// None where there is no IPsec.
pub fn config(folder: &str, network: &Network, esp: Carried) -> Option<Config> {
    let sites: Vec<_> = network.vpns.iter().filter_map(|site| Some((site, site.ipsec()?))).collect();
    if sites.is_empty() {
        return None;
    }
    let socket = format!("{folder}/charon.vici");
    let daemon = daemon(&socket, esp);
    let pid_file = format!("{folder}/charon-{}.pid", digest(&daemon));
    let (mut connections, mut secrets, mut marks) = (String::new(), String::new(), Vec::new());
    for (site, ipsec) in sites {
        let (connection, secret) = (connection(network, site, ipsec, esp), secret(network, site, ipsec));
        marks.push((site.name.clone(), digest(&format!("{connection}{secret}"))));
        connections += &connection;
        secrets += &secret;
    }
    let connections = format!("connections {{\n{connections}}}\nsecrets {{\n{secrets}}}\n");
    Some(Config { daemon, pid_file, socket, connections, marks })
}

/// Nothing is read from the node's own /etc/strongswan.d.
fn daemon(socket: &str, esp: Carried) -> String {
    let kernel = match esp {
        Carried::Kernel => "kernel-netlink",
        // Before the other, which then has routes and addresses only.
        Carried::Userspace => "kernel-libipsec kernel-netlink",
    };
    format!(
        "charon-systemd {{\n\
         \tload = random nonce drbg openssl gcm aes chapoly sha1 sha2 hmac kdf gmp curve25519 constraints socket-default {kernel} vici\n\
         \t# A peer that is away is asked again, and soon.\n\
         \tretry_initiate_interval = 10s\n\
         \tretransmit_tries = 3\n\
         \tplugins {{\n\t\tvici {{\n\t\t\tsocket = unix://{socket}\n\t\t}}\n\t}}\n}}\n"
    )
}

fn connection(network: &Network, site: &Site, ipsec: &Ipsec, esp: Carried) -> String {
    let (name, mut text) = (&site.name, String::new());
    let remote = site.peer.as_ref().map_or_else(|| "%any".to_owned(), ToString::to_string);
    let (ike_rekey, ike_over) = worn(ipsec.ike_lifetime_secs);
    let _ = write!(
        text,
        "\t{name} {{\n\t\tversion = {}\n\t\tlocal_addrs = {}\n\t\tremote_addrs = {remote}\n\t\tproposals = {}\n\
         \t\trekey_time = {ike_rekey}s\n\t\tover_time = {ike_over}s\n\t\tkeyingtries = 0\n\t\tdpd_delay = 30s\n\t\tmobike = no\n\
         \t\tunique = replace\n\
         \t\tlocal {{\n\t\t\tauth = psk\n\t\t\tid = \"{}\"\n\t\t}}\n\
         \t\tremote {{\n\t\t\tauth = psk\n\t\t\tid = \"{}\"\n\t\t}}\n\t\tchildren {{\n",
        ipsec.version,
        own_address(network, site),
        ike_proposals(ipsec),
        local_id(network, site, ipsec),
        site.remote_id(),
    );
    let (start, dpd, close) = match (ipsec.establish, esp) {
        (Establish::None, _) => ("none", "clear", "none"),
        (Establish::Trap, Carried::Kernel) => ("trap", "trap", "trap"),
        // A peer that refused once is not asked again but for traffic.
        (Establish::Start, Carried::Kernel) => ("trap|start", "restart", "start"),
        // In user space nothing traps packets.
        (Establish::Trap | Establish::Start, Carried::Userspace) => ("start", "restart", "start"),
    };
    let (esp_rekey, _) = worn(ipsec.esp_lifetime_secs);
    for (number, (local, remote)) in site.pairs.iter().enumerate() {
        let _ = write!(
            text,
            "\t\t\t{name}-{} {{\n\t\t\t\tlocal_ts = {local}\n\t\t\t\tremote_ts = {remote}\n\t\t\t\tesp_proposals = {}\n\
             \t\t\t\trekey_time = {esp_rekey}s\n\t\t\t\tlife_time = {}s\n\t\t\t\tstart_action = {start}\n\
             \t\t\t\tdpd_action = {dpd}\n\t\t\t\tclose_action = {close}\n\t\t\t}}\n",
            number + 1,
            esp_proposals(ipsec),
            ipsec.esp_lifetime_secs,
        );
    }
    text += "\t\t}\n\t}\n";
    text
}

/// When a key is made anew, and how long after that the old one lives.
fn worn(lifetime_secs: u32) -> (u32, u32) {
    let rekey = lifetime_secs / 10 * 9;
    (rekey, lifetime_secs - rekey)
}

/// As digits, so that nothing in it has a meaning of its own.
fn secret(network: &Network, site: &Site, ipsec: &Ipsec) -> String {
    let digits: String = ipsec.pre_shared_key.reveal().bytes().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "\tike-{} {{\n\t\tid-local = \"{}\"\n\t\tid-remote = \"{}\"\n\t\tsecret = 0x{digits}\n\t}}\n",
        site.name,
        local_id(network, site, ipsec),
        site.remote_id(),
    )
}

fn local_id(network: &Network, site: &Site, ipsec: &Ipsec) -> String {
    ipsec.local_id.clone().unwrap_or_else(|| own_address(network, site))
}

/// Of the peer's family where that is known.
fn own_address(network: &Network, site: &Site) -> String {
    let v4 = network.public.map(|own| own.addr().to_string());
    let v6 = network.public_v6.map(|own| own.addr().to_string());
    let is_v6 = matches!(site.peer, Some(Peer::Address(address)) if address.is_ipv6());
    (if is_v6 { v6.or(v4) } else { v4.or(v6) }).unwrap_or_default()
}

fn ike_proposals(ipsec: &Ipsec) -> String {
    let (combined, plain) = parted(&ipsec.ike_encryption);
    let functions: Vec<_> = ipsec.ike_authentication.iter().map(|hash| format!("prf{hash}")).collect();
    let groups = &ipsec.ike_dh;
    proposals(&[(&combined, &functions, groups), (&plain, &ipsec.ike_authentication, groups)])
}

fn esp_proposals(ipsec: &Ipsec) -> String {
    let (combined, plain) = parted(&ipsec.esp_encryption);
    proposals(&[(&combined, &[], &ipsec.esp_dh), (&plain, &ipsec.esp_authentication, &ipsec.esp_dh)])
}

/// A proposal mixes no ciphers that authenticate by themselves with others.
fn parted(encryption: &[String]) -> (Vec<String>, Vec<String>) {
    encryption.iter().cloned().partition(|name| COMBINED.contains(&name.as_str()))
}

fn proposals(all: &[(&[String], &[String], &[String])]) -> String {
    let used = all.iter().filter(|(encryption, ..)| !encryption.is_empty());
    let texts =
        used.map(|(encryption, authentication, groups)| [*encryption, *authentication, *groups].concat().join("-"));
    texts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use expect_test::expect_file;

    fn found(change: impl FnOnce(&mut Network), esp: Carried) -> Config {
        let mut network = Network::read(&sample::with_vpns().spec).unwrap();
        change(&mut network);
        config("/var/lib/drover/routers/7", &network, esp).unwrap()
    }

    #[test]
    fn the_files_are_as_the_golden_ones_say() {
        let config = found(|_| (), Carried::Kernel);
        expect_file!["../../golden/strongswan.conf"].assert_eq(&config.daemon);
        expect_file!["../../golden/swanctl.conf"].assert_eq(&config.connections);
        let other = found(|_| (), Carried::Userspace);
        assert!(other.daemon.contains("kernel-libipsec") && other.pid_file != config.pid_file);
        assert!(!other.connections.contains("trap"));
    }

    #[test]
    fn a_mark_changes_with_its_connection_alone() {
        let before = found(|_| (), Carried::Kernel).marks;
        let first = |network: &mut Network| {
            if let model::virtual_router::vpn::Tunnel::Ipsec(ipsec) = &mut network.vpns[0].tunnel {
                ipsec.pre_shared_key = model::secret::Secret::new("another one");
            }
        };
        let after = found(first, Carried::Kernel).marks;
        assert_ne!(before[0], after[0], "another secret is another connection");
        assert_eq!(before[1..], after[1..]);
    }

    #[test]
    fn no_secret_stands_in_what_all_may_read() {
        let config = found(|_| (), Carried::Kernel);
        let (canary, shown) = ("canary", format!("{}{}{:?}", config.daemon, config.pid_file, config.marks));
        let digits: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(config.connections.contains(&digits));
        assert!(!shown.contains(canary) && !shown.contains(&digits));
    }
}
