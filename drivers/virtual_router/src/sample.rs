//! A router for the golden files. `UPDATE_EXPECT=1 cargo test -p virtual_router` writes them anew.

use model::server::RouterSettings;
use model::virtual_router::VirtualRouter;
use model::vm::Neighbour;
use serde_json::json;

pub fn router() -> VirtualRouter {
    let router = json!({
        "id": 7, "kind": "virtual_router", "project_id": 1, "name": "router", "state": "building", "server_id": 1, "host": "router-1",
        "fence": 3, "task_id": 12, "error": null, "version": 2,
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        "spec": {
            "segments": [
                { "name": "web", "id": 12, "address": "10.1.0.1/24", "address_v6": "fd00:1::1/64" },
                { "name": "store", "id": 13, "address": "10.2.0.1/24", "dhcp": false },
            ],
            "address": "203.0.113.7/24", "address_v6": "2001:db8::7/64",
            "nats": [{ "public": "203.0.113.20", "private": "10.1.0.5" }],
            "sets": [
                { "name": "office", "members": ["198.51.100.0/24", "192.0.2.9"] },
                { "name": "office-v6", "members": ["2001:db8:1::/48"] },
            ],
            "firewall": [
                { "order": 10, "allow": false, "source": "192.0.2.66", "log": true, "description": "scans" },
                { "order": 20, "allow": true, "destination": "10.1.0.5", "protocol": "tcp", "ports": [80, 443, "8000-8100"] },
                { "order": 30, "allow": true, "source": "@office", "protocol": "icmp", "log": true },
                { "order": 40, "allow": true, "source": "@office-v6", "destination": "fd00:1::/64", "protocol": "udp", "ports": [53] },
                { "order": 50, "allow": true, "source": "10.1.0.0/24", "destination": "10.2.0.0/24", "protocol": "tcp" },
                { "order": 60, "allow": true, "protocol": "icmp" },
                { "order": 70, "allow": false, "source": "10.2.0.0/24" },
            ],
            "routes": [{ "to": "10.9.0.0/16", "via": "10.2.0.9" }],
            "dns": ["192.0.2.53"],
        },
    });
    serde_json::from_value(router).expect("a router")
}

/// The same with every kind of VPN.
pub fn with_vpns() -> VirtualRouter {
    let mut router = router();
    let vpns = json!([
        {
            "name": "office", "peer": "198.51.100.9",
            "tunnel": { "ipsec": {
                "pre_shared_key": "ipsec-canary", "ike_encryption": ["aes256gcm16", "aes256"],
                "esp_encryption": ["aes256", "chacha20poly1305"], "establish": "trap",
            } },
            "routes": [
                { "local": "10.1.0.0/24", "remote": "10.8.0.0/24" },
                { "local": "10.2.0.0/24", "remote": "10.8.0.0/24" },
                { "local": "fd00:1::/64", "remote": "fd00:8::/64" },
            ],
        },
        {
            "name": "lab",
            "tunnel": { "ipsec": {
                "pre_shared_key": "ipsec-canary-2", "local_id": "main.example.org", "remote_id": "lab@example.org",
                "esp_dh": [], "establish": "none",
            } },
            "routes": [{ "local": "10.1.0.0/24", "remote": "10.7.0.0/24" }],
        },
        {
            "name": "home", "peer": "2001:db8:9::9",
            "tunnel": { "wireguard": {
                "private_key": "8NiiiINDOfeDbo21XF1H/e8EZtiruEQCT0VkgJOkomo=",
                "peer_public_key": "TLY1ZGPyzxY6/NUd1ns+wBafbJgtfV/bzVf4mMKumW4=",
                "pre_shared_key": "nZjLNMM87KvDY00xRyRJNZRIZsCqtOFrIxq3QtsaMmo=", "keepalive_secs": 25,
            } },
            "routes": [{ "local": "10.1.0.0/24", "remote": "10.6.0.0/24" }],
        },
    ]);
    router.spec.vpns = serde_json::from_value(vpns).expect("VPNs");
    router
}

/// The same with a standby.
pub fn paired() -> VirtualRouter {
    let mut router = router();
    router.spec.pair = serde_json::from_value(json!({ "first": 7, "second": 8 })).expect("a pair");
    router
}

pub fn settings() -> RouterSettings {
    let settings = json!({ "gateway": "203.0.113.1", "gateway_v6": "2001:db8::1", "dns": ["192.0.2.1"] });
    serde_json::from_value(settings).expect("settings")
}

pub fn neighbours() -> Vec<Neighbour> {
    let vms = json!([
        { "id": 8, "name": "web-1", "nics": [
            { "segment": "web", "segment_id": 12, "mac": "52:54:00:00:80:00", "addresses": ["10.1.0.5/24", "fd00:1::5/64"] },
            { "segment": "store", "segment_id": 13, "mac": "52:54:00:00:80:01", "addresses": ["10.2.0.5/24"] },
        ] },
        { "id": 9, "name": "web-2", "nics": [{ "segment": "web", "segment_id": 12, "mac": "52:54:00:00:90:00" }] },
    ]);
    serde_json::from_value(vms).expect("VMs")
}
