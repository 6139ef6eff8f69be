//! A WireGuard tunnel's configuration as wg reads it: a pure function, with a golden file.

use base64::prelude::{BASE64_STANDARD, Engine};
use commands::wireguard::{Device, Peer};
use model::virtual_router::site::{self, Site};
use model::{ResourceId, names};
use std::fmt::Write;
use std::net::IpAddr;

#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    pub link: String,
    /// Where the text is.
    pub file: String,
    pub text: String,
    /// What the link holds when it has read it.
    pub device: Device,
}

/// None where it is another kind of tunnel.
pub fn config(router: ResourceId, folder: &str, site: &Site) -> Option<Config> {
    let own = site.wireguard()?;
    let private_key = clamped(own.private_key.reveal());
    let link = names::vpn_link(router, &site.name);
    let peer = Peer {
        public_key: own.peer_public_key.clone(),
        pre_shared_key: own.pre_shared_key.as_ref().map(|key| key.reveal().to_owned()),
        allowed: site.pairs.iter().map(|(_, remote)| remote.to_string()).collect(),
        keepalive_secs: own.keepalive_secs,
    };
    let mut text =
        format!("# vpn {}\n[Interface]\nPrivateKey = {}\nListenPort = {}\n", site.name, private_key, own.port);
    let _ = write!(text, "\n[Peer]\nPublicKey = {}\n", peer.public_key);
    if let Some(key) = &peer.pre_shared_key {
        let _ = writeln!(text, "PresharedKey = {key}");
    }
    match &site.peer {
        Some(site::Peer::Address(IpAddr::V6(address))) => {
            let _ = writeln!(text, "Endpoint = [{address}]:{}", own.peer_port);
        }
        Some(peer) => {
            let _ = writeln!(text, "Endpoint = {peer}:{}", own.peer_port);
        }
        None => {}
    }
    let allowed: Vec<_> = peer.allowed.iter().map(String::as_str).collect();
    let _ = writeln!(text, "AllowedIPs = {}", allowed.join(", "));
    let keepalive = peer.keepalive_secs.map_or_else(|| "off".to_owned(), |secs| secs.to_string());
    let _ = writeln!(text, "PersistentKeepalive = {keepalive}");
    let device = Device { private_key, port: own.port, peers: vec![peer] };
    Some(Config { file: format!("{folder}/{link}.conf"), link, text, device })
}

/// As every WireGuard keeps it (RFC 7748, section 5): five bits of a private key are fixed, whatever it was given with.
fn clamped(key: &str) -> String {
    let Ok(mut bytes) = BASE64_STANDARD.decode(key) else { return key.to_owned() };
    if let [first, .., last] = bytes.as_mut_slice() {
        *first &= 0b1111_1000;
        *last = *last & 0b0111_1111 | 0b0100_0000;
    }
    BASE64_STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use expect_test::expect_file;
    use model::virtual_router::network::Network;

    #[test]
    fn the_file_is_as_the_golden_one_says() {
        let network = Network::read(&sample::with_vpns().spec).unwrap();
        let configs: Vec<_> = network.vpns.iter().filter_map(|site| config(ResourceId(7), "/f", site)).collect();
        assert_eq!(configs.len(), 1);
        expect_file!["../../golden/wireguard.conf"].assert_eq(&configs[0].text);
    }

    #[test]
    fn a_private_key_is_what_wireguard_makes_of_it() {
        let of = |bytes: [u8; 32]| BASE64_STANDARD.encode(bytes);
        let mut kept = [0xff; 32];
        (kept[0], kept[31]) = (0xf8, 0x7f);
        assert_eq!(clamped(&of([0xff; 32])), of(kept));
        assert_eq!(clamped(&of(kept)), of(kept));
        let mut least = [0; 32];
        least[31] = 0x40;
        assert_eq!(clamped(&of([0; 32])), of(least));
    }
}
