//! Segments of a router that reach another host: by VXLAN, and by VLAN where the kernel has it.

use crate::network::{GATEWAY, Place, bridge, ground, internet, tenant, wish};
use model::SegmentId;
use model::server::Carrier;
use model::virtual_router::VirtualRouterSpec;

#[tokio::test]
async fn real_router_segments_reach_another_host_by_vxlan() {
    let device = "rt-under";
    let peer = "198.18.77.2";
    let ground = ground(|settings| {
        settings.carrier =
            Carrier::Vxlan { device: device.into(), group: None, peers: vec![peer.parse().expect("an address")] };
    })
    .await;
    let run = testkit::real::run;
    let far = Place::new("far");
    run("ip", &["link", "add", "name", device, "type", "veth", "peer", "name", "eth0", "netns", "rt-place-far"]);
    run("ip", &["address", "add", "198.18.77.1/24", "dev", device]);
    run("ip", &["link", "set", "dev", device, "up"]);
    far.run(&["ip", "address", "add", &format!("{peer}/24"), "dev", "eth0"]);
    far.run(&["ip", "link", "set", "dev", "eth0", "up"]);
    let router = ground.build(ground.fleet.project.id, wish()).await;
    let segment = router.spec.segments[0].id.unwrap_or(SegmentId(0));
    let number = segment.to_string();
    far.run(&[
        "ip",
        "link",
        "add",
        "vx",
        "type",
        "vxlan",
        "id",
        &number,
        "dev",
        "eth0",
        "remote",
        "198.18.77.1",
        "dstport",
        "4789",
    ]);
    far.run(&["ip", "address", "add", "10.1.0.6/24", "dev", "vx"]);
    far.run(&["ip", "link", "set", "dev", "vx", "up"]);
    far.run(&["ip", "route", "add", "default", "via", "10.1.0.1"]);
    let mut inet = internet();
    inet.serve(80);
    let near = tenant("near", &bridge(&router, 0), "10.1.0.5/24", "10.1.0.1");
    assert!(far.pings("10.1.0.1"), "the gateway is reached from the other host");
    assert!(far.pings("10.1.0.5") && near.pings("10.1.0.6"), "the segment is one");
    assert_eq!(far.asks(GATEWAY, 80).as_deref(), Some("203.0.113.7"));
    // As much as fits: the segment's links are smaller than the wire.
    assert!(far.tries(&["ping", "-c", "1", "-W", "1", "-M", "do", "-s", "1372", "10.1.0.1"]).is_some());
    drop((inet, near));
    ground.scrub::<VirtualRouterSpec>(router.id).await;
    // The kernel takes a namespace's links away in its own time.
    run("ip", &["link", "delete", "dev", device]);
    drop(far);
    ground.end(&[]).await;
}

#[tokio::test]
async fn real_router_segments_are_vlans_where_the_kernel_has_them() {
    let probe = std::process::Command::new("ip")
        .args(["link", "add", "link", "lo", "name", "rt-probe", "type", "vlan", "id", "5"])
        .output()
        .expect("ip runs");
    if !probe.status.success() {
        let said = String::from_utf8_lossy(&probe.stderr);
        eprintln!("SKIPPED: this kernel has no 802.1Q: {}", said.trim());
        return;
    }
    testkit::real::run("ip", &["link", "delete", "dev", "rt-probe"]);
    let trunk = "rt-trunk";
    let ground = ground(|settings| settings.carrier = Carrier::Vlan { trunk: trunk.into(), first: 100 }).await;
    let run = testkit::real::run;
    let far = Place::new("far");
    run("ip", &["link", "add", "name", trunk, "type", "veth", "peer", "name", "eth0", "netns", "rt-place-far"]);
    run("ip", &["link", "set", "dev", trunk, "up"]);
    far.run(&["ip", "link", "set", "dev", "eth0", "up"]);
    let router = ground.build(ground.fleet.project.id, wish()).await;
    let vlan = 100 + router.spec.segments[0].id.map_or(0, |segment| segment.0);
    far.run(&["ip", "link", "add", "link", "eth0", "name", "vl", "type", "vlan", "id", &vlan.to_string()]);
    far.run(&["ip", "address", "add", "10.1.0.6/24", "dev", "vl"]);
    far.run(&["ip", "link", "set", "dev", "vl", "up"]);
    assert!(far.pings("10.1.0.1"), "the gateway is reached over the trunk");
    ground.scrub::<VirtualRouterSpec>(router.id).await;
    run("ip", &["link", "delete", "dev", trunk]);
    drop(far);
    ground.end(&[]).await;
}
