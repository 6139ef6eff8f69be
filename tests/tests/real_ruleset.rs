//! What routers are made from, before the programs that read it: nftables, dnsmasq and systemd refuse none of it.

use model::ResourceId;
use model::resource::Spec;
use model::server::RouterSettings;
use model::virtual_router::VirtualRouterSpec;
use model::virtual_router::network::Network;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};
use virtual_router::{dnsmasq, ruleset};

/// What a program says of a text on its stdin; nothing when it takes it.
fn complaint(argv: &[&str], text: &str) -> Option<String> {
    let mut child = Command::new(argv[0])
        .args(&argv[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    child.stdin.take().expect("stdin").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// In a namespace of its own: it looks at what is there, and changes nothing.
fn nft(text: &str) -> Option<String> {
    complaint(&["unshare", "-n", "nft", "-c", "-f", "/dev/stdin"], text)
}

fn golden(name: &str) -> String {
    let path = format!("{}/../drivers/virtual_router/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("the golden file")
}

#[test]
fn real_ruleset_golden_files_are_taken_by_the_programs_that_read_them() {
    assert_eq!(nft(&golden("ruleset.nft")), None);
    assert_eq!(nft(&golden("ruleset-vpns.nft")), None);
    assert_eq!(complaint(&["dnsmasq", "--test", "--conf-file=/dev/stdin"], &golden("dnsmasq.conf")), None);
    let folder = tempfile::TempDir::new().expect("a folder");
    let unit = folder.path().join("drover-r7.service");
    for name in ["drover-r7.service", "drover-r7-vpns.service"] {
        std::fs::write(&unit, golden(name)).expect("the unit");
        testkit::real::run("systemd-analyze", &["verify", &unit.display().to_string()]);
    }
}

fn network_v4() -> impl Strategy<Value = String> {
    prop_oneof![
        (0_u8..=32, any::<u32>()).prop_map(|(length, bits)| {
            let kept = if length == 0 { 0 } else { bits & (u32::MAX << (32 - length)) };
            format!("{}/{length}", std::net::Ipv4Addr::from(kept))
        }),
        any::<u32>().prop_map(|bits| std::net::Ipv4Addr::from(bits).to_string()),
    ]
}

fn network_v6() -> impl Strategy<Value = String> {
    (0_u8..=128, any::<u128>()).prop_map(|(length, bits)| {
        let kept = if length == 0 { 0 } else { bits & (u128::MAX << (128 - length)) };
        format!("{}/{length}", std::net::Ipv6Addr::from(kept))
    })
}

fn side() -> impl Strategy<Value = String> {
    prop_oneof![Just("*".to_owned()), network_v4(), network_v6(), "@[a-d]".prop_map(|name| name)]
}

fn rule() -> impl Strategy<Value = Value> {
    let port = prop_oneof![
        (1_u16..).prop_map(|port| json!(port)),
        (1_u16.., 1_u16..).prop_map(|(one, other)| json!(format!("{}-{}", one.min(other), one.max(other)))),
    ];
    let protocol = prop_oneof![Just("any"), Just("icmp"), Just("tcp"), Just("udp")];
    (any::<bool>(), side(), side(), protocol, vec(port, 0..6), any::<bool>()).prop_map(
        |(allow, source, destination, protocol, ports, log)| {
            let ports = if matches!(protocol, "tcp" | "udp") { ports } else { Vec::new() };
            json!({ "allow": allow, "source": source, "destination": destination, "protocol": protocol, "ports": ports, "log": log })
        },
    )
}

/// For a segment that every one of these wishes has.
fn vpn() -> impl Strategy<Value = Value> {
    use model::virtual_router::site::{AUTHENTICATION, ENCRYPTION, GROUPS};
    use proptest::sample::subsequence;
    let peer =
        prop_oneof![Just(None), Just(Some("198.18.0.9")), Just(Some("peer.example.org")), Just(Some("2001:db8:9::9")),];
    let algorithms = (
        subsequence(ENCRYPTION, 1..=4),
        subsequence(AUTHENTICATION, 1..=3),
        subsequence(GROUPS, 1..=4),
        subsequence(GROUPS, 0..=2),
    );
    let ipsec = (algorithms, "[ -~]{8,40}", prop_oneof![Just("start"), Just("trap"), Just("none")], 1_u8..=2);
    let ipsec = ipsec.prop_map(|((encryption, authentication, groups, pfs), secret, establish, version)| {
        json!({ "ipsec": {
            "pre_shared_key": secret, "remote_id": "peer@example.org", "establish": establish, "version": version,
            "ike_encryption": encryption, "ike_authentication": authentication, "ike_dh": groups,
            "esp_encryption": encryption, "esp_authentication": authentication, "esp_dh": pfs,
        } })
    });
    let wireguard = ("[a-zA-Z0-9+/]{42}", any::<bool>(), option::of(1_u16..)).prop_map(|(digits, shared, keepalive)| {
        let key = format!("{digits}A=");
        json!({ "wireguard": {
            "private_key": key, "peer_public_key": key, "pre_shared_key": shared.then_some(&key), "keepalive_secs": keepalive,
        } })
    });
    let remotes = btree_set(1_u8..=250, 1..5);
    (peer, prop_oneof![ipsec, wireguard], remotes).prop_map(|(peer, tunnel, remotes)| {
        let routes: Vec<_> = remotes
            .iter()
            .map(|third| json!({ "local": "10.0.0.0/30", "remote": format!("172.16.{third}.0/24") }))
            .collect();
        json!({ "name": "vpn", "peer": peer, "tunnel": tunnel, "routes": routes })
    })
}

fn wish() -> impl Strategy<Value = Value> {
    let segments = vec((any::<bool>(), any::<bool>(), 8_u8..=30), 0..5);
    let sets = (vec(network_v4(), 1..8), vec(network_v4(), 1..3), vec(network_v6(), 1..8), vec(network_v6(), 1..3));
    let nats = btree_set(1_u8..=60, 0..5);
    (segments, option::of(1_u8..250), any::<bool>(), nats, sets, vec(rule(), 0..12), vec(vpn(), 0..=1)).prop_map(
        |(segments, public, v6, nats, (a, b, c, d), rules, vpns)| {
            let segment = |(number, (v6, dhcp, length)): (usize, &(bool, bool, u8))| {
                let number = number + 10;
                json!({
                    "name": format!("s{number}"), "id": number, "address": format!("{number}.0.0.1/{length}"), "dhcp": dhcp,
                    "address_v6": v6.then(|| format!("fd00:{number}::1/64")),
                })
            };
            // Beyond the gateway, within the smallest of the networks.
            let nats = nats.iter().filter(|_| public.is_some() && !segments.is_empty()).take(1);
            let nats: Vec<_> = nats.map(|host| json!({ "public": format!("198.51.100.{host}"), "private": "10.0.0.2" })).collect();
            let firewall: Vec<_> = rules
                .into_iter()
                .enumerate()
                .map(|(order, mut rule)| {
                    rule["order"] = json!(order);
                    rule
                })
                .collect();
            let set = |name: &str, members: Vec<String>| json!({ "name": name, "members": members });
            json!({
                "segments": segments.iter().enumerate().map(segment).collect::<Vec<_>>(),
                "address": public.map(|host| format!("203.0.113.{host}/24")),
                "address_v6": v6.then_some("2001:db8::7/64"),
                "nats": nats,
                "sets": [set("a", a), set("b", b), set("c", c), set("d", d)],
                "firewall": firewall,
                "vpns": vpns,
            })
        },
    )
}

/// A namespace with a table of its own.
struct Space(&'static str);

impl Space {
    fn new(name: &'static str) -> Self {
        // Left by a run that was killed.
        let _ = Command::new("ip").args(["netns", "delete", name]).output();
        testkit::real::run("ip", &["netns", "add", name]);
        Self(name)
    }

    fn load(&self, text: &str) -> Option<String> {
        complaint(&["ip", "netns", "exec", self.0, "nft", "-f", "-"], text)
    }

    fn listed(&self) -> String {
        let argv = ["netns", "exec", self.0, "nft", "-s", "-a", "list", "table", "inet", ruleset::TABLE];
        testkit::real::run("ip", &argv)
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        testkit::real::run("ip", &["netns", "delete", self.0]);
    }
}

/// The ruleset of a wish without VPNs, whose rules do not mix families.
fn rendered(wish: Value) -> String {
    let mut spec: VirtualRouterSpec = serde_json::from_value(wish).expect("a wish");
    spec.vpns.clear();
    let without = VirtualRouterSpec { firewall: Vec::new(), ..spec.clone() };
    spec.firewall.retain(|rule| VirtualRouterSpec { firewall: vec![rule.clone()], ..without.clone() }.check().is_ok());
    ruleset::ruleset(ResourceId(7), &Network::read(&spec).expect("a wish that is valid"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn real_ruleset_that_was_changed_is_as_one_that_was_loaded(
        before in wish(), other in wish(), kept in vec(any::<bool>(), 12), sets in vec(0_usize..4, 0..3),
    ) {
        let space = Space::new("rt-ruleset");
        // Some of the rules stay, and some of the sets.
        let mut after = before.clone();
        let rules = before["firewall"].as_array().into_iter().flatten().zip(kept).filter(|(_, kept)| *kept).map(|(rule, _)| rule);
        let more = other["firewall"].as_array().into_iter().flatten().cloned().map(|mut rule| {
            rule["order"] = json!(rule["order"].as_u64().unwrap_or(0) * 3 + 100);
            rule
        });
        after["firewall"] = rules.cloned().chain(more).collect();
        for set in sets {
            after["sets"][set] = other["sets"][set].clone();
        }
        let (before, after) = (rendered(before), rendered(after));
        prop_assert_eq!(space.load(&before), None);
        let change = ruleset::difference::difference(&before, &space.listed(), &after);
        let change = change.expect("rules and sets alone have changed");
        prop_assert!(!change.contains("delete table"));
        prop_assert_eq!(space.load(&change), None, "{}", change);
        let changed = ruleset::difference::plain(&space.listed());
        prop_assert_eq!(space.load(&after), None);
        prop_assert_eq!(changed, ruleset::difference::plain(&space.listed()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn real_ruleset_of_any_valid_wish_is_taken_by_nftables_and_dnsmasq(wish in wish()) {
        let spec: VirtualRouterSpec = serde_json::from_value(wish).expect("a wish");
        // Rules that mix families are refused by the check, and never come here.
        let mut spec = spec;
        let without = VirtualRouterSpec { firewall: Vec::new(), vpns: Vec::new(), ..spec.clone() };
        spec.firewall.retain(|rule| VirtualRouterSpec { firewall: vec![rule.clone()], ..without.clone() }.check().is_ok());
        // The same for what a VPN asks of the rest.
        spec.vpns.retain(|vpn| VirtualRouterSpec { vpns: vec![vpn.clone()], ..without.clone() }.check().is_ok());
        prop_assert_eq!(spec.check(), Ok(()));
        let network = Network::read(&spec).expect("it was checked");
        let ruleset = ruleset::ruleset(ResourceId(7), &network);
        prop_assert_eq!(nft(&ruleset), None, "{}", ruleset);
        if let Some(config) = dnsmasq::config("/nowhere", &network, &RouterSettings::default()) {
            let said = complaint(&["dnsmasq", "--test", "--conf-file=/dev/stdin"], &config.text);
            prop_assert_eq!(said, None, "{}", config.text);
        }
    }
}
