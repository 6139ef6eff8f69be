//! A tenant's whole network: a real guest behind a real router, with a lease of it, a name from it, and a way out through it.

use crate::machine::Machine;
use crate::network::{self, GATEWAY, internet, wish};
use iaas::tenant::Accepted;
use model::State;
use model::vm::VmSpec;
use serde_json::json;
use std::net::Ipv4Addr;
use testkit::real::{small, tiny};

/// What a guest is answered that is seen under this address, in socat's way to write it.
fn heard(seen: &str) -> String {
    let seen: Ipv4Addr = seen.parse().expect("an address");
    let groups = seen.to_ipv6_mapped().segments().map(|group| format!("{group:04x}"));
    format!("heard=[{}]", groups.join(":"))
}

#[tokio::test]
async fn real_router_a_guest_has_its_address_its_names_and_the_world_from_its_router() {
    let machine = Machine::new();
    let ground = network::beside(machine.server(), None, |_| ()).await;
    let image = ground.fleet.client.record_create("images", &tiny()).await.expect("an image");
    let mut inet = internet();
    inet.serve(80);
    let router = ground.build(ground.fleet.project.id, wish()).await;
    let build = async |name: &str, nic: serde_json::Value| {
        let mut wish: VmSpec = small(&image, "rt-web", "10.1.0.5/24");
        wish.server = Some(ground.fleet.servers[1].id);
        wish.nics = vec![serde_json::from_value(nic).expect("a nic")];
        let built: Accepted<VmSpec> = ground.fleet.create(name, wish).await;
        ground.succeeds(built.task_id).await;
        built.resource.id
    };
    let fixed = json!({ "segment": "rt-web", "addresses": ["10.1.0.5/24"], "gateway": "10.1.0.1" });
    let fixed = build("web-1", fixed).await;
    let loose = build("web-2", json!({ "segment": "rt-web" })).await;
    machine.says(loose, "/24 router=10.1.0.1 dns=10.1.0.1 domain=internal", 1).await;
    machine.says(loose, "drover-guest ready", 1).await;
    machine.tell(loose, &format!("ask {GATEWAY} 80"), &heard("203.0.113.7")).await;
    machine.tell(loose, "name web-1.internal", "found=10.1.0.5").await;

    machine.says(fixed, "drover-guest ready", 1).await;
    // Its floating address is what the world sees of it.
    machine.tell(fixed, &format!("ask {GATEWAY} 80"), &heard("203.0.113.20")).await;
    let door = json!([{ "order": 1, "allow": true, "destination": "10.1.0.5", "protocol": "icmp" }]);
    assert!(!inet.pings("203.0.113.20"), "nothing comes in");
    ground.change(router.id, json!({ "firewall": door })).await;
    assert!(inet.pings("203.0.113.20"), "the rule lets it in, as far as the guest");

    // A guest without its router has nobody to ask.
    ground.ask(router.id, State::Quiesce).await;
    machine.tell(fixed, &format!("ask {GATEWAY} 80"), "heard=nc: timed out").await;
    assert!(!inet.pings("203.0.113.20"), "the router is quiet");
    ground.ask(router.id, State::Restart).await;
    assert!(inet.pings("203.0.113.20"), "it is back");

    for vm in [loose, fixed] {
        ground.scrub::<VmSpec>(vm).await;
    }
    drop(inet);
    ground.end(&[router.id]).await;
    machine.is_as_before();
}
