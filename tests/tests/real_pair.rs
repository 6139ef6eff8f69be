//! Two nodes that hold one router, with real packets: whichever stops, the other one serves, and there is never more than one.
//! Both nodes are this machine, with a folder each.

use crate::network::{GATEWAY, Ground, LIMIT, PUBLIC, Place, bridge, internet, pair_ground, tenant, wish};
use crate::real_router::boot;
use crate::rig::at_rest;
use iaas::tenant::Accepted;
use model::resource::Resource;
use model::task::StepOutcome;
use model::virtual_router::VirtualRouterSpec;
use model::virtual_router::pair::Seat;
use model::vm::VmSpec;
use model::{ResourceId, State, names};
use serde_json::json;
use std::time::Instant;
use testkit::eventually;
use testkit::fleet::vm;
use testkit::real::run;

/// Both routers of a pair, as they are on this machine.
struct Pair {
    router: Resource<VirtualRouterSpec>,
    halves: [ResourceId; 2],
}

impl Pair {
    async fn of(ground: &Ground, router: Resource<VirtualRouterSpec>) -> Self {
        let second = router.spec.pair.as_ref().and_then(|pair| pair.second).expect("its standby");
        at_rest(&ground.fleet).await;
        Self { halves: [router.id, second], router }
    }

    fn inside(&self, half: ResourceId, argv: &[&str]) -> String {
        run("ip", &[&["netns", "exec", &names::router_namespace(half)], argv].concat())
    }

    /// Those that have the router's addresses, on every link of theirs.
    fn holders(&self) -> Vec<ResourceId> {
        let spaces = run("ip", &["netns", "list"]);
        let is_there = |half: &ResourceId| {
            let name = names::router_namespace(*half);
            spaces.lines().any(|line| line.split_whitespace().next() == Some(&name))
        };
        let holds = |half: &ResourceId| {
            let addresses = self.inside(*half, &["ip", "-brief", "address"]);
            addresses.contains("203.0.113.7/24") && addresses.contains("10.1.0.1/24")
        };
        self.halves.into_iter().filter(is_there).filter(holds).collect()
    }

    /// The one that serves, once there is one and no other.
    async fn holder(&self) -> ResourceId {
        eventually(LIMIT, "one has the addresses", async || match self.holders()[..] {
            [one] => Ok(one),
            ref others => Err(format!("{others:?}")),
        })
        .await
    }

    fn other(&self, half: ResourceId) -> ResourceId {
        if half == self.halves[0] { self.halves[1] } else { self.halves[0] }
    }

    /// The other one has taken over from this one; and how long that took, and until packets passed.
    async fn taken_over(&self, from: ResourceId, tenants: &Tenants) {
        let since = Instant::now();
        eventually(LIMIT, "the other one takes over", async || match self.holders()[..] {
            [one] if one == self.other(from) => Ok(()),
            ref others => Err(format!("{others:?}")),
        })
        .await;
        let held = since.elapsed();
        tenants.pass().await;
        eprintln!("taken over after {held:?}, packets pass after {:?}", since.elapsed());
    }

    fn keepalived(&self, half: ResourceId) -> String {
        let pids = run("ip", &["netns", "pids", &names::router_namespace(half)]);
        let is_it = |pid: &&str| {
            std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == "keepalived")
        };
        pids.lines().find(is_it).expect("keepalived runs").to_owned()
    }
}

/// A machine behind the router, and one in the internet.
struct Tenants {
    web: Place,
    inet: Place,
}

impl Tenants {
    fn new(router: &Resource<VirtualRouterSpec>) -> Self {
        let mut inet = internet();
        let mut web = tenant("web", &bridge(router, 0), "10.1.0.5/24", "10.1.0.1");
        inet.serve(80);
        web.serve(80);
        Self { web, inet }
    }

    fn reach(&self) -> Result<(), String> {
        let (out, inward) = (self.web.asks(GATEWAY, 80), self.inet.asks("203.0.113.20", 80));
        let named = self.web.tries(&["busybox", "nslookup", "web-1.internal", "10.1.0.1"]);
        let is_named = named.as_ref().is_some_and(|said| said.contains("10.1.0.50"));
        match out.as_deref() == Some("203.0.113.20") && inward.as_deref() == Some(GATEWAY) && is_named {
            true => Ok(()),
            false => Err(format!("out {out:?}, in {inward:?}, name {named:?}")),
        }
    }

    /// Out through the floating address, in through it, and a name.
    async fn pass(&self) {
        eventually(LIMIT, "packets pass", async || self.reach()).await;
    }
}

fn paired(ground: &Ground) -> serde_json::Value {
    let mut wish = wish();
    wish["pair"] = json!({ "server": ground.fleet.servers[2].id });
    wish["firewall"] = json!([{ "order": 1, "allow": true, "destination": "10.1.0.5", "protocol": "tcp" }]);
    wish["routes"] = json!([{ "to": "10.9.0.0/16", "via": "10.2.0.9" }]);
    wish
}

/// One router first, then the pair: both nodes are one kernel, and two workers that make the same bridge at once are none of a
/// pair's troubles.
async fn built(ground: &Ground) -> Pair {
    let mut alone = paired(ground);
    let pair = alone["pair"].take();
    let router = ground.build(ground.fleet.project.id, alone).await;
    change(ground, router.id, json!({ "pair": pair })).await;
    Pair::of(ground, ground.fleet.client.read(router.id).await.expect("the router")).await
}

/// Carried out on both nodes. Of two that take the same bridge away at once one fails, and is tried again.
async fn change(ground: &Ground, router: ResourceId, patch: serde_json::Value) {
    let _: Accepted<VirtualRouterSpec> = ground.fleet.change(router, patch).await;
    eventually(LIMIT, "both are level", async || {
        at_rest(&ground.fleet).await;
        let router = ground.fleet.client.read::<VirtualRouterSpec>(router).await.map_err(|error| error.to_string())?;
        let standby = router.spec.pair.as_ref().and_then(|pair| pair.second);
        for half in [Some(router.id), standby].into_iter().flatten() {
            let now = ground.fleet.client.read::<VirtualRouterSpec>(half).await.map_err(|error| error.to_string())?;
            if now.state == State::Unresourced {
                let error = now.error.as_ref().map(|error| error.text.clone()).unwrap_or_default();
                let is_bridge =
                    ["File exists", "Cannot find device", "does not exist"].iter().any(|said| error.contains(said));
                assert!(is_bridge, "{error}");
                let _ = ground.fleet.client.task_retry(now.task_id.expect("the failed task")).await;
                return Err(format!("{half}: {error}"));
            }
        }
        Ok(())
    })
    .await;
}

/// A VM of the project, which has a name and a lease.
async fn named(ground: &Ground) -> ResourceId {
    let mut wish: VmSpec = vm(&ground.fleet.image);
    wish.server = Some(ground.fleet.servers[1].id);
    let nic = json!({ "segment": "rt-web", "mac": "52:54:00:aa:bb:01", "addresses": ["10.1.0.50/24"] });
    wish.nics = vec![serde_json::from_value(nic).expect("a nic")];
    let built: Accepted<VmSpec> = ground.fleet.create("web-1", wish).await;
    ground.succeeds(built.task_id).await;
    at_rest(&ground.fleet).await;
    built.resource.id
}

/// As when a node loses its power, for one of two on the same machine.
fn power_cut(pair: &Pair, half: ResourceId) {
    let namespace = names::router_namespace(half);
    // First, so that none of them says that it goes.
    let seat = if half == pair.halves[0] { Seat::First } else { Seat::Second };
    let segments = pair.router.spec.segments.iter().filter_map(|segment| segment.id);
    let ports = segments.map(|segment| names::segment_port(segment, seat));
    for link in ports.chain([names::uplink_port(half)]) {
        run("ip", &["link", "delete", "dev", &link]);
    }
    run("ip", &["netns", "pids", &namespace]).lines().for_each(|pid| {
        run("kill", &["-KILL", pid]);
    });
    run("ip", &["netns", "delete", &namespace]);
}

#[tokio::test]
async fn real_pair_serves_on_when_either_of_its_nodes_stops() {
    let ground = pair_ground().await;
    let pair = built(&ground).await;
    let vm = named(&ground).await;
    let first = pair.holder().await;
    let tenants = Tenants::new(&pair.router);
    tenants.pass().await;
    for half in pair.halves {
        let storage = ground.node.storage_of(half == pair.halves[1]);
        let config = format!("{}/keepalived.conf", names::router_folder(&storage, half));
        pair.inside(half, &["keepalived", "--config-test", "--use-file", &config]);
    }
    // Who asks for an address is answered by the one that serves.
    let guest = Place::new("guest").plugged(&bridge(&pair.router, 0), &[]);
    guest.run(&["ip", "link", "set", "dev", "eth0", "address", "52:54:00:aa:bb:01"]);
    let script = format!("{}/lease.sh", ground.fleet.folder.path().display());
    std::fs::write(&script, "#!/bin/sh\n[ \"$1\" = bound ] && echo lease=$ip,$router\nexit 0\n").expect("a script");
    run("chmod", &["755", &script]);
    let leased = || {
        let asked = ["busybox", "udhcpc", "-i", "eth0", "-f", "-n", "-q", "-t", "4", "-T", "1", "-s", &script];
        guest.tries(&asked).is_some_and(|said| said.contains("lease=10.1.0.50,10.1.0.1"))
    };
    assert!(leased(), "a lease before");

    // It is told to end: it says so to the other one.
    let told = pair.keepalived(first);
    run("kill", &[&told]);
    pair.taken_over(first, &tenants).await;
    // It has let go before it has ended, and a worker that looks in between finds that it runs.
    eventually(LIMIT, "it has ended", async || {
        if std::path::Path::new("/proc").join(&told).exists() { Err(told.clone()) } else { Ok(()) }
    })
    .await;
    assert!(leased(), "a lease after");
    let second = pair.other(first);
    change(&ground, pair.router.id, json!({ "dns": ["192.0.2.53"] })).await;
    pair.keepalived(first);
    assert_eq!(pair.holder().await, second, "it does not take back");

    // Its cable to the internet, or into a segment, is pulled.
    let uplink = names::uplink_port(second);
    run("ip", &["link", "set", "dev", &uplink, "down"]);
    pair.taken_over(second, &tenants).await;
    run("ip", &["link", "set", "dev", &uplink, "up"]);
    assert_eq!(pair.holder().await, first);
    let seat = if first == pair.halves[0] { Seat::First } else { Seat::Second };
    let port = names::segment_port(pair.router.spec.segments[0].id.expect("its number"), seat);
    run("ip", &["link", "set", "dev", &port, "down"]);
    pair.taken_over(first, &tenants).await;
    run("ip", &["link", "set", "dev", &port, "up"]);
    assert_eq!(pair.holder().await, second);

    // Its node loses its power, and starts again.
    power_cut(&pair, second);
    pair.taken_over(second, &tenants).await;
    boot(second);
    pair.keepalived(second);
    assert_eq!(pair.holder().await, first, "it does not take back");
    tenants.pass().await;
    // Nothing is missing: what the unit made is what the steps make.
    change(&ground, pair.router.id, json!({ "dns": ["192.0.2.53"] })).await;
    let standby: Resource<VirtualRouterSpec> = ground.fleet.client.read(pair.halves[1]).await.expect("the standby");
    assert_eq!(standby.state, State::Running);

    drop((guest, tenants));
    ground.scrub::<VmSpec>(vm).await;
    at_rest(&ground.fleet).await;
    ground.end(&[pair.router.id]).await;
}

#[tokio::test]
async fn real_pair_is_changed_and_quiesced_without_a_takeover_and_is_parted_and_joined() {
    let ground = pair_ground().await;
    let mut pair = built(&ground).await;
    let vm = named(&ground).await;
    let holder = pair.holder().await;
    let tenants = Tenants::new(&pair.router);
    tenants.pass().await;
    let mut stream = tenants.web.stream(GATEWAY, 80);
    let running = pair.keepalived(holder);

    // Another floating address, another network behind a machine, and a segment less.
    let more = json!({
        "nats": [{ "public": "203.0.113.20", "private": "10.1.0.5" }, { "public": "203.0.113.21", "private": "10.1.0.6" }],
        "routes": [{ "to": "10.8.0.0/16", "via": "10.1.0.9" }],
        "segments": [{ "name": "rt-web", "address": "10.1.0.1/24" }],
    });
    change(&ground, pair.router.id, more).await;
    assert!(stream.lives("one"), "the update cut a connection");
    assert_eq!((pair.holder().await, pair.keepalived(holder)), (holder, running), "nobody took over");
    eventually(LIMIT, "the change is carried out", async || {
        let (addresses, routes) =
            (pair.inside(holder, &["ip", "-brief", "address"]), pair.inside(holder, &["ip", "route"]));
        let is_so = addresses.contains("203.0.113.21/32") && !addresses.contains("fd00:1::1");
        if is_so && routes.contains("10.8.0.0/16 via 10.1.0.9") { Ok(()) } else { Err(format!("{addresses}{routes}")) }
    })
    .await;
    assert!(!ground.node.news().iter().any(|name| name.contains("rt-store")), "its bridge is gone");
    for half in pair.halves {
        let links = pair.inside(half, &["ip", "-brief", "link"]);
        assert_eq!(links.lines().count(), 3, "lo, uplink and one segment: {links}");
    }
    tenants.pass().await;

    // The same wish again finds nothing to do, on either.
    let again: Accepted<VirtualRouterSpec> = ground.fleet.change(pair.router.id, json!({ "dns": [] })).await;
    ground.succeeds(again.task_id).await;
    at_rest(&ground.fleet).await;
    let task = ground.fleet.ended(again.task_id).await;
    let done: Vec<_> = task.steps.iter().filter(|step| step.number > 0 && step.outcome == StepOutcome::Done).collect();
    assert!(done.is_empty(), "nothing was to be done: {done:#?}");

    ground.ask(pair.router.id, State::Quiesce).await;
    at_rest(&ground.fleet).await;
    eventually(LIMIT, "nobody serves", async || {
        if pair.holders().is_empty() { Ok(()) } else { Err(format!("{:?}", pair.holders())) }
    })
    .await;
    assert!(tenants.reach().is_err());
    assert!(!tenants.inet.pings("203.0.113.7"));
    ground.ask(pair.router.id, State::Restart).await;
    at_rest(&ground.fleet).await;
    pair.holder().await;
    tenants.pass().await;

    // It loses its standby, and gains another.
    drop(stream);
    change(&ground, pair.router.id, json!({ "pair": null })).await;
    let closed: Resource<VirtualRouterSpec> = ground.fleet.client.read(pair.halves[1]).await.expect("the standby");
    assert_eq!(closed.state, State::Closed);
    assert_eq!(pair.holders(), [pair.router.id]);
    tenants.pass().await;
    let gone = names::router_namespace(pair.halves[1]);
    assert!(!ground.node.news().iter().any(|name| name.contains(&gone)), "nothing of it is left");
    change(&ground, pair.router.id, json!({ "pair": { "server": ground.fleet.servers[2].id } })).await;
    let router = ground.fleet.client.read(pair.router.id).await.expect("the router");
    pair = Pair::of(&ground, router).await;
    let holder = pair.holder().await;
    tenants.pass().await;
    run("ip", &["link", "set", "dev", &names::uplink_port(holder), "nomaster"]);
    // Apart from each other both serve; joined again it is one of them.
    eventually(LIMIT, "both have the addresses", async || {
        if pair.holders().len() == 2 { Ok(()) } else { Err(format!("{:?}", pair.holders())) }
    })
    .await;
    run("ip", &["link", "set", "dev", &names::uplink_port(holder), "master", PUBLIC]);
    pair.holder().await;
    tenants.pass().await;

    drop(tenants);
    ground.scrub::<VmSpec>(vm).await;
    at_rest(&ground.fleet).await;
    ground.end(&[pair.router.id]).await;
}
