//! Real routers with real packets, between namespaces that play tenants, the internet and another host; the node is as before
//! afterwards.

use crate::network::{GATEWAY, LIMIT, Place, bridge, ground, internet, tenant, wish};
use iaas::tenant::Accepted;
use model::project::{Project, ProjectSpec};
use model::resource::Resource;
use model::virtual_router::VirtualRouterSpec;
use model::virtual_router::pair::Seat;
use model::vm::VmSpec;
use model::{ResourceId, State, names};
use serde_json::json;
use testkit::eventually;
use testkit::fleet::vm;

#[tokio::test]
async fn real_router_rules_decide_who_reaches_whom_and_a_stream_lives_through_every_update() {
    let ground = ground(|_| ()).await;
    let router = ground.build(ground.fleet.project.id, wish()).await;
    let (web, store) = (bridge(&router, 0), bridge(&router, 1));
    let mut inet = internet().routed("10.1.0.0/24", "203.0.113.7").routed("fd00:1::/64", "2001:db8::7");
    let mut web_1 = tenant("web1", &web, "10.1.0.5/24", "10.1.0.1");
    let web_2 = tenant("web2", &web, "10.1.0.6/24", "10.1.0.1");
    let mut store_1 = tenant("store1", &store, "10.2.0.5/24", "10.2.0.1");
    web_1.run(&["ip", "address", "add", "fd00:1::5/64", "dev", "eth0", "nodad"]);
    web_1.run(&["ip", "route", "add", "default", "via", "fd00:1::1"]);
    inet.serve(80);
    web_1.serve(80);
    web_1.serve(81);
    store_1.serve(80);

    // Without a rule: out, translated; not in, and not across.
    assert!(web_1.pings("10.1.0.1"), "the gateway answers");
    assert_eq!(web_1.asks(GATEWAY, 80).as_deref(), Some("203.0.113.20"), "its floating address is seen");
    assert_eq!(web_2.asks(GATEWAY, 80).as_deref(), Some("203.0.113.7"), "the router's address is seen");
    assert_eq!(store_1.asks(GATEWAY, 80).as_deref(), Some("203.0.113.7"));
    eventually(LIMIT, "IPv6 has found its neighbours", async || {
        if web_1.pings("2001:db8::1") { Ok(()) } else { Err("nobody answers".to_owned()) }
    })
    .await;
    assert_eq!(web_1.asks("2001:db8::1", 80).as_deref(), Some("fd00:1::5"), "IPv6 is not translated");
    assert_eq!(inet.asks("203.0.113.20", 80), None, "nothing comes in");
    assert_eq!(inet.asks("10.1.0.5", 80), None, "a private address is not reached from outside");
    assert_eq!(inet.asks("fd00:1::5", 80), None);
    assert_eq!(web_1.asks("10.2.0.5", 80), None, "segments are apart");
    assert!(inet.pings("203.0.113.7"), "the router itself answers");
    assert!(!inet.pings("203.0.113.20"));
    let mut stream = web_2.stream(GATEWAY, 80);
    let mut floating = web_1.stream(GATEWAY, 80);

    let firewall = json!([
        { "order": 10, "allow": true, "destination": "10.1.0.5", "protocol": "tcp", "ports": [80], "log": true },
        { "order": 20, "allow": true, "source": "10.1.0.0/24", "destination": "10.2.0.0/24", "protocol": "tcp", "ports": ["80-90"] },
        { "order": 30, "allow": true, "source": "@friends", "destination": "fd00:1::/64", "protocol": "tcp" },
        { "order": 40, "allow": true, "source": GATEWAY, "protocol": "icmp" },
    ]);
    let sets = json!([{ "name": "friends", "members": ["2001:db8::/64"] }]);
    ground.change(router.id, json!({ "firewall": firewall, "sets": sets })).await;
    assert!(stream.lives("one") && floating.lives("one"), "the update cut a connection");
    assert_eq!(inet.asks("203.0.113.20", 80).as_deref(), Some(GATEWAY), "the rule lets it in, from where it comes");
    assert_eq!(inet.asks("203.0.113.20", 81), None, "another port stays shut");
    assert_eq!(inet.asks("10.1.0.5", 80), None, "a rule opens the floating address, not the private one");
    assert!(inet.asks("fd00:1::5", 81).is_some(), "the set lets IPv6 in");
    assert!(inet.pings("203.0.113.20"));
    assert_eq!(web_1.asks("10.2.0.5", 80).as_deref(), Some("10.1.0.5"), "a rule between segments");
    assert!(!web_1.pings("10.2.0.5"), "for TCP alone");
    assert_eq!(store_1.asks("10.1.0.6", 80), None, "and one way alone");
    assert_eq!(
        web_2.asks("203.0.113.20", 80).as_deref(),
        Some("10.1.0.1"),
        "a neighbour reaches the floating address too"
    );
    let logged = testkit::real::run("dmesg", &[]);
    assert!(logged.contains(&format!("drover-r{} rule 10 allow: ", router.id)), "the rule writes into the log");
    let mut inward = inet.stream("203.0.113.20", 80);

    // A rule before the others, another floating address, and a segment less.
    let deny = json!([
        { "order": 5, "allow": false, "source": "10.1.0.6" },
        { "order": 10, "allow": true, "destination": "10.1.0.5", "protocol": "tcp", "ports": [80] },
    ]);
    let less = json!({
        "firewall": deny,
        "nats": [{ "public": "203.0.113.21", "private": "10.1.0.5" }],
        "segments": [{ "name": "rt-web", "address": "10.1.0.1/24", "address_v6": "fd00:1::1/64" }],
        "sets": [],
    });
    drop(store_1);
    ground.change(router.id, less).await;
    assert!(stream.lives("two"), "what is established stays, also where a rule now says no");
    assert_eq!(web_2.asks(GATEWAY, 80), None, "what is new does not");
    assert_eq!(inet.asks("203.0.113.20", 80), None, "the old floating address is gone");
    assert_eq!(inet.asks("203.0.113.21", 80).as_deref(), Some(GATEWAY));
    assert_eq!(web_1.asks(GATEWAY, 80).as_deref(), Some("203.0.113.21"));
    assert_eq!(inet.asks("fd00:1::5", 81), None);
    assert!(!ground.node.news().iter().any(|name| name.contains("rt-store")), "its bridge is gone");
    // The address went, and with it what was under way through it.
    drop((floating, inward.lives("gone"), inward));
    drop((inet, web_1, web_2));
    ground.end(&[router.id]).await;
}

#[tokio::test]
async fn real_router_two_projects_with_the_same_addresses_do_not_meet() {
    let ground = ground(|_| ()).await;
    let other: Project = ground
        .fleet
        .client
        .record_create("projects", &ProjectSpec { name: "other".into(), grace_hours: 0 })
        .await
        .expect("a project");
    let first = ground.build(ground.fleet.project.id, wish()).await;
    let mut of_second = wish();
    of_second["address"] = json!("203.0.113.8/24");
    of_second["address_v6"] = json!("2001:db8::8/64");
    of_second["nats"] = json!([]);
    let second = ground.build(other.id, of_second).await;
    let mut inet = internet();
    inet.serve(80);
    let mut own = tenant("own", &bridge(&first, 0), "10.1.0.6/24", "10.1.0.1");
    let twin = tenant("twin", &bridge(&second, 0), "10.1.0.6/24", "10.1.0.1");
    let alien = tenant("alien", &bridge(&second, 0), "10.1.0.9/24", "10.1.0.1");
    own.serve(80);
    assert_eq!(own.asks(GATEWAY, 80).as_deref(), Some("203.0.113.7"));
    assert_eq!(twin.asks(GATEWAY, 80).as_deref(), Some("203.0.113.8"), "the same address in another project");
    assert!(own.pings("10.1.0.1") && twin.pings("10.1.0.1"));
    assert!(!own.pings("10.1.0.9"), "a machine of the other project is not there");
    assert!(alien.pings("10.1.0.6"), "its own twin answers it");
    assert_eq!(alien.asks("10.1.0.6", 80), None, "and not the other project's server");
    drop((inet, own, twin, alien));
    ground.end(&[first.id, second.id]).await;
}

#[tokio::test]
async fn real_router_gives_leases_and_names_and_hears_of_new_vms() {
    let ground = ground(|_| ()).await;
    let router = ground.build(ground.fleet.project.id, wish()).await;
    let namespace = names::router_namespace(router.id);
    let dnsmasq = || testkit::real::run("ip", &["netns", "pids", &namespace]);
    let before = dnsmasq();
    let nic =
        json!({ "segment": "rt-web", "mac": "52:54:00:aa:bb:01", "addresses": ["10.1.0.50/24", "fd00:1::50/64"] });
    let loose = json!({ "segment": "rt-web", "mac": "52:54:00:aa:bb:02" });
    let mut vms = Vec::new();
    for (name, nic) in [("web-1", nic), ("web-2", loose)] {
        let mut wish: VmSpec = vm(&ground.fleet.image);
        wish.server = Some(ground.fleet.servers[1].id);
        wish.nics = vec![serde_json::from_value(nic).expect("a nic")];
        let built: Accepted<VmSpec> = ground.fleet.create(name, wish).await;
        ground.succeeds(built.task_id).await;
        vms.push(built.resource.id);
    }
    let leases = format!("{}/static-leases", names::router_folder(&ground.node.storage(), router.id));
    let told = format!("{}/hosts-loaded", names::router_folder(&ground.node.storage(), router.id));
    eventually(LIMIT, "the router hears of both", async || {
        let router =
            ground.fleet.client.read::<VirtualRouterSpec>(router.id).await.map_err(|error| error.to_string())?;
        let text = std::fs::read_to_string(&leases).unwrap_or_default();
        let done =
            text.contains("web-2") && router.state == State::Running && std::fs::exists(&told).is_ok_and(|is| is);
        if done { Ok(()) } else { Err(format!("{} {text}", router.state)) }
    })
    .await;
    assert_eq!(dnsmasq(), before, "it reads its files again, and is not started anew");

    let script = format!("{}/lease.sh", ground.fleet.folder.path().display());
    std::fs::write(&script, "#!/bin/sh\n[ \"$1\" = bound ] && echo lease=$ip/$mask,$router,$dns,$domain\nexit 0\n")
        .expect("a script");
    testkit::real::run("chmod", &["755", &script]);
    let lease = |place: &Place| {
        let asked = ["busybox", "udhcpc", "-i", "eth0", "-f", "-n", "-q", "-t", "4", "-T", "1", "-s", &script];
        let said = place.tries(&asked)?;
        said.lines().find_map(|line| line.strip_prefix("lease=")).map(str::to_owned)
    };
    let guest = |name: &str, mac: &str| {
        let place = Place::new(name).plugged(&bridge(&router, 0), &[]);
        place.run(&["ip", "link", "set", "dev", "eth0", "address", mac]);
        place
    };
    let known = guest("known", "52:54:00:aa:bb:01");
    assert_eq!(lease(&known).as_deref(), Some("10.1.0.50/24,10.1.0.1,10.1.0.1,internal"));
    let any = guest("any", "52:54:00:aa:bb:02");
    let given = lease(&any).expect("a lease of the segment");
    assert!(given.starts_with("10.1.0.") && !given.starts_with("10.1.0.50/"), "{given}");
    assert_eq!(lease(&guest("stranger", "52:54:00:aa:bb:03")), None, "a stranger gets none");
    known.run(&["ip", "address", "add", "10.1.0.50/24", "dev", "eth0"]);
    let named = known.run(&["busybox", "nslookup", "web-1.internal", "10.1.0.1"]);
    assert!(named.contains("10.1.0.50") && named.contains("fd00:1::50"), "{named}");
    let back = known.run(&["busybox", "nslookup", "10.1.0.50", "10.1.0.1"]);
    assert!(back.contains("web-1.internal"), "{back}");

    // Its own configuration has changed: it is started anew, and keeps its leases.
    ground.change(router.id, json!({ "dns": ["192.0.2.53"] })).await;
    assert_ne!(dnsmasq(), before);
    assert_eq!(lease(&any).as_deref(), Some(given.as_str()));
    drop((known, any));
    for vm in vms {
        ground.scrub::<VmSpec>(vm).await;
    }
    ground.end(&[router.id]).await;
}

/// What systemd would do when the node starts: every line of the unit, in order.
pub fn boot(router: ResourceId) {
    let file = names::router_unit_file(router);
    testkit::real::run("systemd-analyze", &["verify", &file]);
    assert_eq!(testkit::real::run("systemctl", &["is-enabled", &names::router_unit(router)]).trim(), "enabled");
    let unit = std::fs::read_to_string(file).expect("the unit");
    for line in unit.lines().filter_map(|line| line.strip_prefix("ExecStart=")) {
        let (may_fail, line) = line.strip_prefix('-').map_or((false, line), |line| (true, line));
        let words: Vec<_> = line.split(' ').collect();
        let output = std::process::Command::new(words[0]).args(&words[1..]).output().expect("it runs");
        assert!(may_fail || output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// As after a power cut: no namespace, no link, no process, and files as they were.
pub fn power_cut(router: &Resource<VirtualRouterSpec>) {
    let run = testkit::real::run;
    let namespace = names::router_namespace(router.id);
    run("ip", &["netns", "pids", &namespace]).lines().for_each(|pid| {
        run("kill", &["-KILL", pid]);
    });
    let links = std::iter::once(names::uplink_port(router.id)).chain(
        router
            .spec
            .segments
            .iter()
            .filter_map(|segment| segment.id)
            .map(|segment| names::segment_port(segment, Seat::First)),
    );
    for link in links.chain((0..router.spec.segments.len()).map(|segment| bridge(router, segment))) {
        run("ip", &["link", "delete", "dev", &link]);
    }
    run("ip", &["netns", "delete", &namespace]);
}

#[tokio::test]
async fn real_router_is_quiesced_restarted_and_survives_a_reboot_of_its_node() {
    let ground = ground(|_| ()).await;
    let mut all = wish();
    all["firewall"] = json!([{ "order": 1, "allow": true, "destination": "10.1.0.5", "protocol": "tcp", "log": true }]);
    all["routes"] = json!([{ "to": "10.9.0.0/16", "via": "10.2.0.9" }]);
    let router = ground.build(ground.fleet.project.id, all).await;
    let mut inet = internet();
    inet.serve(80);
    let attached = |name: &str| {
        let mut web = tenant(name, &bridge(&router, 0), "10.1.0.5/24", "10.1.0.1");
        web.serve(80);
        web
    };
    let serves = |web: &Place| {
        assert_eq!(web.asks(GATEWAY, 80).as_deref(), Some("203.0.113.20"));
        assert_eq!(inet.asks("203.0.113.20", 80).as_deref(), Some(GATEWAY));
        assert!(
            web.tries(&["busybox", "nslookup", "none.internal", "10.1.0.1"])
                .is_none_or(|said| said.contains("10.1.0.1"))
        );
    };
    let state = || {
        let inside = |argv: &[&str]| {
            testkit::real::run("ip", &[&["netns", "exec", &names::router_namespace(router.id)], argv].concat())
        };
        let ruleset = inside(&["nft", "-s", "list", "ruleset"]);
        // What follows the name is the number of the other end.
        let links = inside(&["ip", "-brief", "-4", "address"]);
        let links: Vec<_> = links
            .lines()
            .map(|row| {
                (
                    row.split('@').next().map(str::to_owned),
                    row.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>(),
                )
            })
            .collect();
        (links, inside(&["ip", "route"]), inside(&["ip", "-6", "route"]), ruleset)
    };
    let web = attached("web");
    serves(&web);
    let built = state();

    ground.ask(router.id, State::Quiesce).await;
    assert_eq!(web.asks(GATEWAY, 80), None, "nothing goes out");
    assert_eq!(inet.asks("203.0.113.20", 80), None, "nothing comes in");
    assert!(!web.pings("10.1.0.1") && !inet.pings("203.0.113.7"), "it answers nobody");
    ground.ask(router.id, State::Restart).await;
    serves(&web);
    assert_eq!(state(), built);

    // Behind drover's back: its node starts anew.
    drop(web);
    power_cut(&router);
    boot(router.id);
    let web = attached("web");
    serves(&web);
    assert_eq!(state(), built, "what the unit makes is what the steps make");
    let task: Accepted<VirtualRouterSpec> = ground.fleet.change(router.id, json!({ "dns": [] })).await;
    ground.succeeds(task.task_id).await;
    let task = ground.fleet.ended(task.task_id).await;
    let done: Vec<_> =
        task.steps.iter().filter(|step| step.number > 0 && step.outcome == model::task::StepOutcome::Done).collect();
    assert!(done.iter().all(|step| step.name == "leases and names"), "nothing was to be done: {done:#?}");

    // What somebody has changed by hand is made right.
    let inside = |argv: &[&str]| {
        testkit::real::run("ip", &[&["netns", "exec", &names::router_namespace(router.id)], argv].concat())
    };
    inside(&["nft", "flush", "chain", "inet", "drover", "firewall"]);
    inside(&["ip", "address", "delete", "203.0.113.20/32", "dev", "uplink"]);
    inside(&["ip", "route", "delete", "10.9.0.0/16"]);
    inside(&["sysctl", "-q", "-w", "net.ipv4.ip_forward=0"]);
    ground.change(router.id, json!({ "dns": [] })).await;
    serves(&web);
    assert_eq!(state(), built);

    // A quiesced one comes back quiesced; and where no unit runs, the next verb makes what is missing.
    ground.ask(router.id, State::Quiesce).await;
    drop(web);
    power_cut(&router);
    boot(router.id);
    let web = attached("web");
    assert_eq!(web.asks(GATEWAY, 80), None, "it is still quiesced");
    drop(web);
    power_cut(&router);
    ground.ask(router.id, State::Restart).await;
    let web = attached("web");
    serves(&web);
    assert_eq!(state(), built);
    drop((inet, web));
    ground.end(&[router.id]).await;
}
