//! What is wrong with a wish is told by its field.

use super::VirtualRouterSpec;
use super::network::Network;
use crate::resource::Spec;
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
