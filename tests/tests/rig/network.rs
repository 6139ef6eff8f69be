//! What the free tests know of virtual routers, alone and in pairs.

use super::*;

pub fn router_rig(kind: Kind) -> Rig<VirtualRouterSpec> {
    let wish = |_: &Fleet, _| {
        let segments =
            vec![Segment { name: "web".into(), id: None, address: "10.1.0.1/24".into(), address_v6: None, dhcp: true }];
        VirtualRouterSpec { segments, ..VirtualRouterSpec::default() }
    };
    Rig::of(kind, wish, || json!({ "segments": [{ "name": "web", "address": "10.2.0.1/24" }] }))
}

fn ipsec(name: &str, secret: &str) -> Value {
    let remote = if name == "office" { "10.7.0.0/24" } else { "10.8.0.0/24" };
    json!({
        "name": name, "peer": format!("{name}.example.org"), "tunnel": { "ipsec": { "pre_shared_key": secret } },
        "routes": [{ "local": "10.1.0.0/24", "remote": remote }],
    })
}

fn wireguard(name: &str, port: u16) -> Value {
    let key = |digit: &str| format!("{}A=", digit.repeat(42));
    json!({
        "name": name, "peer": "198.51.100.9", "routes": [{ "local": "10.1.0.0/24", "remote": "10.6.0.0/24" }],
        "tunnel": { "wireguard": { "private_key": key("a"), "peer_public_key": key("b"), "port": port } },
    })
}

/// Every part of a wish; a segment comes and one goes, addresses and rules change.
pub fn virtual_router_rig() -> Rig<VirtualRouterSpec> {
    let wish = |_: &Fleet, _| {
        let wish = json!({
            "segments": [
                { "name": "web", "address": "10.1.0.1/24", "address_v6": "fd00:1::1/64" },
                { "name": "old", "address": "10.3.0.1/24", "dhcp": false },
            ],
            "address": "203.0.113.7/24",
            "nats": [{ "public": "203.0.113.20", "private": "10.1.0.5" }],
            "firewall": [{ "order": 10, "allow": true, "destination": "10.1.0.5", "protocol": "tcp", "ports": [443], "log": true }],
            "routes": [{ "to": "10.9.0.0/16", "via": "10.3.0.9" }],
            "vpns": [ipsec("office", "first secret"), ipsec("old-lab", "second secret"), wireguard("home", 51820)],
        });
        serde_json::from_value(wish).expect("a wish")
    };
    let patch = || {
        json!({
            "segments": [
                { "name": "web", "address": "10.1.0.254/24", "address_v6": "fd00:1::1/64" },
                { "name": "new", "address": "10.4.0.1/24" },
            ],
            "address": "203.0.113.8/24",
            "nats": [{ "public": "203.0.113.21", "private": "10.1.0.5" }],
            "routes": [{ "to": "10.9.0.0/16", "via": "10.1.0.9" }, { "to": "fd00:9::/48", "via": "fd00:1::9" }],
            "vpns": [ipsec("office", "another secret"), wireguard("away", 51821)],
        })
    };
    Rig::of(Kind::VirtualRouter, wish, patch)
}

/// The same held by two nodes.
pub fn virtual_router_pair_rig() -> Rig<VirtualRouterSpec> {
    let wish = |fleet: &Fleet, vm| {
        let mut wish = (virtual_router_rig().wish)(fleet, vm);
        wish.server = Some(fleet.servers[0].id);
        wish.pair = Some(Pair::default());
        wish
    };
    Rig { wish, ..virtual_router_rig() }
}

/// Its standby. Its end comes by itself, and again when it has failed.
pub fn virtual_router_standby_rig() -> Rig<VirtualRouterSpec> {
    let mut rig = Rig { of_standby: true, ..virtual_router_pair_rig() };
    rig.verbs.retain(|verb| !matches!(verb, Verb::Scrub | Verb::Scrubprep));
    rig
}

/// One that gains a standby.
pub fn virtual_router_gains_rig() -> Rig<VirtualRouterSpec> {
    let verbs = vec![Verb::Updaterunning];
    let patch = || json!({ "pair": {}, "segments": [{ "name": "web", "address": "10.1.0.1/24" }], "vpns": null, "routes": null });
    let wish = |fleet: &Fleet, vm| VirtualRouterSpec { pair: None, ..(virtual_router_pair_rig().wish)(fleet, vm) };
    Rig { verbs, patch, wish, ..virtual_router_rig() }
}

/// One that loses it.
pub fn virtual_router_loses_rig() -> Rig<VirtualRouterSpec> {
    Rig {
        patch: || json!({ "pair": null }),
        ..Rig { verbs: virtual_router_gains_rig().verbs, ..virtual_router_pair_rig() }
    }
}
