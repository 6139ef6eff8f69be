//! What is wrong with a wish is told by its field.

use super::VirtualRouterSpec;
use super::network::Network;
use super::pair::{Pair, Seat};
use crate::resource::Spec;
use crate::{ResourceId, ServerId};
use serde_json::{Value, json};

fn wish() -> Value {
    json!({
        "segments": [
            { "name": "web", "address": "10.1.0.1/24", "address_v6": "fd00:1::1/64" },
            { "name": "store", "address": "10.2.0.1/24" },
        ],
        "address": "203.0.113.7/24",
        "nats": [{ "public": "203.0.113.20", "private": "10.1.0.5" }],
        "sets": [{ "name": "office", "members": ["198.51.100.0/24", "198.51.100.7"] }],
        "firewall": [
            { "order": 20, "allow": true, "source": "@office", "destination": "10.1.0.5", "protocol": "tcp", "ports": [443, 80, "81-90"] },
            { "order": 10, "allow": false },
        ],
        "routes": [{ "to": "10.9.0.0/16", "via": "10.2.0.9" }],
    })
}

fn said(change: impl FnOnce(&mut Value)) -> String {
    let mut wish = wish();
    change(&mut wish);
    let spec: VirtualRouterSpec = serde_json::from_value(wish).expect("a wish");
    spec.check().expect_err("something is wrong with it")
}

#[test]
fn a_wish_is_read_with_its_rules_in_order_and_its_ranges_apart() {
    let spec: VirtualRouterSpec = serde_json::from_value(wish()).unwrap();
    let network = Network::read(&spec).unwrap();
    assert_eq!(network.rules.iter().map(|rule| rule.order).collect::<Vec<_>>(), [10, 20]);
    assert_eq!(network.rules[1].ports, [(80, 90), (443, 443)]);
    assert_eq!(network.sets["office"].len(), 1, "what another member holds is left out");
}

#[test]
fn what_is_wrong_names_its_field() {
    type Case = (fn(&mut Value), &'static str);
    let cases: &[Case] = &[
        (
            |wish| wish["segments"][1]["address"] = "10.1.0.129/25".into(),
            "segments store (10.1.0.129/25) overlaps segments web",
        ),
        (
            |wish| wish["segments"][1]["address"] = "203.0.113.1/28".into(),
            "segments store (203.0.113.1/28) overlaps address",
        ),
        (|wish| wish["segments"][1]["address"] = "10.2.0.0/24".into(), "segments.address is a machine's address"),
        (|wish| wish["segments"][1]["address"] = "fd00::1/64".into(), "segments.address is of IPv4"),
        (|wish| wish["segments"][1]["name"] = "web".into(), "segments.name web stands twice"),
        (|wish| wish["segments"][0]["address_v6"] = "10.1.0.1/24".into(), "segments.address_v6 is of IPv6"),
        (|wish| wish["address"] = "127.0.0.1/8".into(), "address is no machine's address"),
        (|wish| wish["nats"][0]["private"] = "10.3.0.5".into(), "nats.private 10.3.0.5 is on no segment"),
        (|wish| wish["nats"][0]["private"] = "10.1.0.1".into(), "nats.private 10.1.0.1 is no machine"),
        (|wish| wish["nats"][0]["private"] = "fd00:1::5".into(), "nats are of IPv4"),
        (|wish| wish["nats"][0]["public"] = "203.0.113.7".into(), "nats.public 203.0.113.7 is the router's own"),
        (|wish| wish["address"] = Value::Null, "nats need an address"),
        (|wish| wish["sets"][0]["members"][0] = "fd00::/64".into(), "sets.members of office mix IPv4 and IPv6"),
        (|wish| wish["sets"][0]["members"] = json!([]), "sets.members of office are 1 to"),
        (|wish| wish["firewall"][0]["order"] = 10.into(), "firewall.order 10 stands twice"),
        (|wish| wish["firewall"][0]["protocol"] = "icmp".into(), "firewall rule 20: ports need protocol tcp or udp"),
        (
            |wish| wish["firewall"][0]["destination"] = "fd00:1::5".into(),
            "firewall rule 20: source and destination mix",
        ),
        (|wish| wish["firewall"][0]["source"] = "@home".into(), "firewall rule 20: source names no set: \"home\""),
        (
            |wish| wish["firewall"][0]["source"] = "10.1.0.5/24".into(),
            "firewall rule 20: source 10.1.0.5/24 has bits beyond",
        ),
        (|wish| wish["firewall"][0]["ports"] = json!(["90-80"]), "firewall rule 20: ports are 1 to 65535"),
        (|wish| wish["routes"][0]["via"] = "10.3.0.9".into(), "routes.via 10.3.0.9 is on no segment"),
        (|wish| wish["routes"][0]["via"] = "10.2.0.1".into(), "routes.via 10.2.0.1 is the router itself"),
        (|wish| wish["routes"][0]["to"] = "0.0.0.0/0".into(), "routes.to is everything"),
        (|wish| wish["routes"][0]["to"] = "10.2.0.128/25".into(), "routes.to 10.2.0.128/25 is within segments store"),
    ];
    for (change, wanted) in cases {
        let said = said(change);
        assert!(said.starts_with(wanted), "{said:?} instead of {wanted:?}");
    }
}

fn vpns() -> Value {
    json!([
        {
            "name": "office", "peer": "198.51.100.9", "tunnel": { "ipsec": { "pre_shared_key": "a long secret" } },
            "routes": [{ "local": "10.1.0.0/24", "remote": "10.8.0.0/24" }, { "local": "10.9.1.0/24", "remote": "10.8.0.0/24" }],
        },
        {
            "name": "home", "peer": "home.example.org",
            "tunnel": { "wireguard": {
                "private_key": "8NiiiINDOfeDbo21XF1H/e8EZtiruEQCT0VkgJOkomo=",
                "peer_public_key": "TLY1ZGPyzxY6/NUd1ns+wBafbJgtfV/bzVf4mMKumW4=",
            } },
            "routes": [{ "local": "10.2.0.7", "remote": "10.7.0.0/24" }],
        },
    ])
}

#[test]
fn vpns_are_read_and_their_secrets_are_not_shown() {
    let mut wish = wish();
    wish["vpns"] = vpns();
    let spec: VirtualRouterSpec = serde_json::from_value(wish.clone()).unwrap();
    let network = Network::read(&spec).unwrap();
    assert_eq!(network.vpns.iter().map(|site| site.pairs.len()).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(network.vpns[0].remote_id(), "198.51.100.9");
    let shown = format!("{spec:?} {network:?}");
    assert!(!shown.contains("a long secret") && !shown.contains("8Niii"), "{shown}");
    assert_eq!(serde_json::to_value(&spec).unwrap()["vpns"][1]["tunnel"]["wireguard"]["port"], 51820);
}

#[test]
fn what_is_wrong_with_a_vpn_names_its_field() {
    type Change = fn(&mut Value);
    let ipsec: &[(Change, &str)] = &[
        (|vpn| vpn["peer"] = "203.0.113.7".into(), "peer 203.0.113.7 is the router itself"),
        (|vpn| vpn["peer"] = "2001:db8::1".into(), "peer 2001:db8::1 is of a family that the router has no public"),
        (|vpn| vpn["peer"] = "10.8.0.1".into(), "peer 10.8.0.1 is within routes.remote 10.8.0.0/24"),
        (|vpn| vpn["peer"] = "a b".into(), "peer is an address or a host name"),
        (|vpn| vpn["peer"] = "1.2.3".into(), "peer is an address or a host name"),
        (|vpn| vpn["peer"] = Value::Null, "establish is none where no peer is named"),
        (|vpn| vpn["name"] = "an office".into(), "name is 1 to 24 lower-case"),
        (|vpn| vpn["routes"] = json!([]), "routes are 1 to 32"),
        (|vpn| vpn["routes"][0]["local"] = "10.3.0.0/24".into(), "routes.local 10.3.0.0/24 is within no segment"),
        (|vpn| vpn["routes"][0]["local"] = "10.1.0.5/24".into(), "routes.local 10.1.0.5/24 has bits beyond"),
        (|vpn| vpn["routes"][0]["local"] = "fd00:1::/64".into(), "routes.local fd00:1::/64 and routes.remote"),
        (|vpn| vpn["routes"][0]["remote"] = "0.0.0.0/0".into(), "routes.remote is everything"),
        (|vpn| vpn["routes"][0]["remote"] = "10.0.0.0/8".into(), "routes.remote 10.0.0.0/8 overlaps segments web"),
        (|vpn| vpn["routes"][0]["remote"] = "10.9.7.0/24".into(), "routes.remote 10.9.7.0/24 overlaps routes.to"),
        (|vpn| vpn["routes"][0]["remote"] = "10.7.0.0/25".into(), "routes.remote 10.7.0.0/24 is another's already"),
        (|vpn| vpn["tunnel"]["ipsec"]["pre_shared_key"] = "short".into(), "pre_shared_key is one line of 8"),
        (|vpn| vpn["tunnel"]["ipsec"]["local_id"] = "a\"b".into(), "local_id is 1 to 255"),
        (|vpn| vpn["tunnel"]["ipsec"]["version"] = 3.into(), "version is 1 or 2"),
        (
            |vpn| vpn["tunnel"]["ipsec"]["ike_encryption"] = json!(["des"]),
            "ike_encryption \"des\" is not known; known are aes128,",
        ),
        (
            |vpn| vpn["tunnel"]["ipsec"]["esp_dh"] = json!(["modp768"]),
            "esp_dh \"modp768\" is not known; known are modp2048,",
        ),
        (|vpn| vpn["tunnel"]["ipsec"]["ike_dh"] = json!([]), "ike_dh holds 1 to 8"),
        (|vpn| vpn["tunnel"]["ipsec"]["esp_authentication"] = json!([]), "esp_authentication holds 1 to 8"),
        (|vpn| vpn["tunnel"]["ipsec"]["esp_lifetime_secs"] = 5.into(), "esp_lifetime_secs is 300 to 86400"),
        (
            |vpn| {
                vpn["tunnel"]["ipsec"] =
                    json!({ "pre_shared_key": "a long secret", "version": 1, "ike_encryption": ["aes128gcm16"] })
            },
            "ike_encryption aes128gcm16 needs version 2",
        ),
    ];
    let wireguard: &[(Change, &str)] = &[
        (|vpn| vpn["tunnel"]["wireguard"]["private_key"] = "abc=".into(), "private_key is 32 bytes in base64"),
        (|vpn| vpn["tunnel"]["wireguard"]["peer_public_key"] = "b".repeat(44).into(), "peer_public_key is 32 bytes"),
        (|vpn| vpn["tunnel"]["wireguard"]["port"] = 4500.into(), "port 4500 is taken by the router itself"),
        (|vpn| vpn["tunnel"]["wireguard"]["peer_port"] = 0.into(), "port and peer_port are 1 to 65535"),
    ];
    for (number, cases) in [ipsec, wireguard].into_iter().enumerate() {
        for (change, wanted) in cases {
            let said = said(|wish| {
                wish["vpns"] = vpns();
                change(&mut wish["vpns"][number]);
            });
            assert!(said.starts_with("vpns ") && said.contains(wanted), "{said:?} instead of {wanted:?}");
            assert!(!said.contains("secret"), "{said}");
        }
    }
    let none = said(|wish| {
        wish["vpns"] = vpns();
        wish["address"] = Value::Null;
        wish["nats"] = json!([]);
    });
    assert_eq!(none, "vpns need an address of the router's own");
}

#[test]
fn two_nodes_hold_what_can_be_held_by_either() {
    let mut alone = wish();
    alone["pair"] = json!({});
    let spec: VirtualRouterSpec = serde_json::from_value(alone.clone()).unwrap();
    assert_eq!(spec.check(), Ok(()));
    assert_eq!(Network::read(&spec).unwrap().pair, None, "it has no numbers yet");
    (alone["address"], alone["nats"]) = (Value::Null, json!([]));
    let spec: VirtualRouterSpec = serde_json::from_value(alone).unwrap();
    assert_eq!(spec.check().unwrap_err(), "pair needs an address of the router's own");
    let named = said(|wish| (wish["pair"], wish["vpns"]) = (json!({}), vpns()));
    assert_eq!(named, "vpns home: peer is an address where two nodes hold the router");

    let mut paired = wish();
    paired["pair"] = json!({ "first": 7, "second": 8 });
    let spec: VirtualRouterSpec = serde_json::from_value(paired).unwrap();
    let network = Network::read(&spec).unwrap();
    assert_eq!([7, 8].map(|id| network.seat(ResourceId(id))), [Seat::First, Seat::Second]);
    assert_eq!(network.pair.unwrap().other(ResourceId(8)), ResourceId(7));
    let mut moved = spec.clone();
    moved.pair = Some(Pair { server: Some(ServerId(3)), ..Pair::default() });
    assert!(spec.check_change(&moved).unwrap_err().starts_with("pair.server cannot be changed"));
}
