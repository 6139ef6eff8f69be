//! WireGuard in a namespace: wg, and wireguard-go where the kernel has none. Keys go by files and come by stdout, which nobody
//! writes down.

use crate::ip::netns::inside;
use hosts::{Command, Invocation, Output};
use std::collections::BTreeSet;
use std::fmt;

pub const WG: &str = "/usr/bin/wg";
pub const WIREGUARD_GO: &str = "/usr/bin/wireguard-go";

/// What a link holds of its configuration; where a peer was last seen is no part of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Device {
    pub private_key: String,
    pub port: u16,
    pub peers: Vec<Peer>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Peer {
    pub public_key: String,
    pub pre_shared_key: Option<String>,
    pub allowed: BTreeSet<String>,
    pub keepalive_secs: Option<u16>,
}

// They are secret.
impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {} with {} peers", self.port, self.peers.len())
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.public_key)
    }
}

/// None when there is no such link.
pub fn show(namespace: &str, link: &str) -> Command<Option<Device>> {
    let argv = inside(namespace, &["wg", "show", link, "dump"]);
    Command { invocation: Invocation::looks(argv).answers(&[0, 1]), read: read_dump }
}

fn read_dump(output: &Output) -> Result<Option<Device>, String> {
    if output.status != 0 {
        return Ok(None);
    }
    let text = output.text();
    let mut lines = text.lines();
    let wrong = || "it is no dump of a device".to_owned();
    let own: Vec<_> = lines.next().unwrap_or_default().split('\t').collect();
    let [private_key, _, port, _] = own[..] else { return Err(wrong()) };
    let port = port.parse().map_err(|_| wrong())?;
    let peers = lines.map(|line| read_peer(line).ok_or_else(wrong)).collect::<Result<_, _>>()?;
    Ok(Some(Device { private_key: private_key.to_owned(), port, peers }))
}

fn read_peer(line: &str) -> Option<Peer> {
    let columns: Vec<_> = line.split('\t').collect();
    let [public_key, shared, _endpoint, allowed, _handshake, _received, _sent, keepalive] = columns[..] else {
        return None;
    };
    let is_there = |text: &&str| !matches!(*text, "(none)" | "off" | "");
    Some(Peer {
        public_key: public_key.to_owned(),
        pre_shared_key: Some(shared).filter(is_there).map(str::to_owned),
        allowed: allowed.split(',').filter(is_there).map(str::to_owned).collect(),
        keepalive_secs: Some(keepalive).filter(is_there).map(str::parse).transpose().ok()?,
    })
}

/// Takes over a configuration; sessions with peers that stay go on.
pub fn sync(namespace: &str, link: &str, file: &str) -> Command<()> {
    Command::plain(Invocation::acts(inside(namespace, &["wg", "syncconf", link, file])))
}

/// The same for a link that is new.
pub fn set_argv<'a>(namespace: &'a str, link: &'a str, file: &'a str) -> Vec<&'a str> {
    inside(namespace, &["wg", "setconf", link, file])
}

/// The link, by a process in the background that ends with it. In a session of its own: what is left in a command's ends
/// with the command.
pub fn start(namespace: &str, link: &str) -> Command<()> {
    Command::plain(Invocation::acts(start_argv(namespace, link)))
}

/// As [`start`] runs it.
pub fn start_argv<'a>(namespace: &'a str, link: &'a str) -> Vec<&'a str> {
    inside(namespace, &["setsid", "--wait", "wireguard-go", link])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_answer_is_read() {
        let output = Output { stdout: include_bytes!("../golden/wg-dump.txt").to_vec(), ..Output::default() };
        let device = read_dump(&output).unwrap().unwrap();
        assert_eq!((device.port, device.private_key.len(), device.peers.len()), (51820, 44, 1));
        let peer = &device.peers[0];
        assert_eq!((peer.keepalive_secs, &peer.pre_shared_key), (Some(25), &None));
        assert_eq!(peer.allowed, BTreeSet::from(["10.9.0.0/24".to_owned()]));
        let fresh = Output { stdout: b"(none)\t(none)\t0\toff\n".to_vec(), ..Output::default() };
        assert_eq!(read_dump(&fresh).unwrap().unwrap().peers, []);
    }
}
