//! What carries a segment from host to host, as lines of `ip -batch`: pure functions.

use model::server::Carrier;
use model::{SegmentId, names};
use std::net::IpAddr;

/// Whom IANA gave it to.
const VXLAN_PORT: u16 = 4789;

/// A VXLAN's number has 24 bits.
const MOST_VXLANS: i64 = 1 << 24;

/// The link, not yet plugged into its bridge.
pub fn made(carrier: &Carrier, segment: SegmentId) -> Vec<String> {
    let own = names::carrier(segment);
    match carrier {
        Carrier::Plain => Vec::new(),
        Carrier::Vlan { trunk, first } => {
            let vlan = i64::from(*first) + segment.0;
            vec![format!("link add link {trunk} name {own} type vlan id {vlan}")]
        }
        Carrier::Vxlan { device, group, .. } => {
            let number = segment.0 % MOST_VXLANS;
            let group = group.map(|group| format!(" group {group}")).unwrap_or_default();
            vec![format!("link add name {own} type vxlan id {number} dev {device}{group} dstport {VXLAN_PORT}")]
        }
    }
}

/// The peers to which a VXLAN without a group sends what it has not learned.
pub fn flood(carrier: &Carrier, segment: SegmentId) -> Vec<(String, IpAddr)> {
    match carrier {
        Carrier::Vxlan { peers, .. } => peers.iter().map(|peer| (names::carrier(segment), *peer)).collect(),
        Carrier::Plain | Carrier::Vlan { .. } => Vec::new(),
    }
}

pub fn plugged(segment: SegmentId, bridge: &str) -> String {
    format!("link set dev {} master {bridge} up", names::carrier(segment))
}

/// All of it with the bridge, from nothing: what a node does when it starts.
pub fn from_nothing(carrier: &Carrier, segment: SegmentId, bridge: &str) -> Vec<String> {
    let mut lines = vec![
        format!("link add name {bridge} type bridge"),
        format!("link set dev {bridge} alias {} up", commands::ip::ALIAS),
    ];
    lines.extend(made(carrier, segment));
    if *carrier != Carrier::Plain {
        lines.push(plugged(segment, bridge));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_carrier_has_its_lines() {
        let segment = SegmentId(12);
        let vlan = Carrier::Vlan { trunk: "eth1".into(), first: 100 };
        assert_eq!(made(&vlan, segment), ["link add link eth1 name dc-12 type vlan id 112"]);
        let peers = vec![IpAddr::from([192, 0, 2, 2])];
        let vxlan = Carrier::Vxlan { device: "eth1".into(), group: None, peers };
        assert_eq!(made(&vxlan, segment), ["link add name dc-12 type vxlan id 12 dev eth1 dstport 4789"]);
        assert_eq!(flood(&vxlan, segment), [("dc-12".to_owned(), IpAddr::from([192, 0, 2, 2]))]);
        let whole = from_nothing(&Carrier::Plain, segment, "br-12-web");
        assert_eq!(whole, ["link add name br-12-web type bridge", "link set dev br-12-web alias drover up"]);
    }
}
