//! VRRP by keepalived between the two routers of a pair: whoever has the shared address has every address and route of the
//! router, and so its traffic; the other has all else, and waits. A pure function, with golden files.

use crate::layout::{Layout, Port};
use crate::ruleset::digest;
use model::virtual_router::pair::{Halves, Seat};
use model::{ResourceId, names};
use std::fmt::Write;

pub const CONFIG: &str = "keepalived.conf";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub text: String,
    /// Another for every configuration.
    pub revision: String,
    pub pid_file: String,
    pub vrrp_pid_file: String,
}

/// None where the router stands alone.
pub fn config(folder: &str, router: ResourceId, pair: Option<Halves>, layout: &Layout) -> Option<Config> {
    let pair = pair?;
    let (own, peer) = (names::pair_address(router), names::pair_address(pair.other(router)));
    // When both begin at once the first is the faster one; whoever has begun is not disturbed.
    let priority = match pair.seat(router) {
        Seat::First => 150,
        Seat::Second => 100,
    };
    let (name, uplink, shared) = (names::router_namespace(router), names::UPLINK, names::shared_address(pair.first));
    let mut text = format!(
        "# drover virtual_router {router}\nglobal_defs {{\n\trouter_id {name}\n\tvrrp_version 3\n}}\n\
         vrrp_instance {name} {{\n\tstate BACKUP\n\tnopreempt\n\tnative_ipv6\n\tinterface {uplink}\n\
         \tvirtual_router_id {}\n\tpriority {priority}\n\tadvert_int 1\n\
         \tunicast_src_ip {own}\n\tunicast_peer {{\n\t\t{peer}\n\t}}\n\
         \t# What is said of addresses never changes: in an update the two have different ones for a while.\n\
         \tvirtual_ipaddress {{\n\t\t{shared}/64 dev {uplink}\n\t}}\n",
        number(pair.first),
    );
    let block = |text: &mut String, name: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let lines: String = lines.iter().map(|line| format!("\t\t{line}\n")).collect();
            let _ = write!(text, "\t{name} {{\n{lines}\t}}\n");
        }
    };
    let segments = layout.ports.iter().filter(|port| port.inside != uplink);
    block(&mut text, "track_interface", segments.map(|port| port.inside.clone()).collect());
    let on = |port: &Port| port.held.iter().map(|net| format!("{net} dev {}", port.inside)).collect::<Vec<_>>();
    block(&mut text, "virtual_ipaddress_excluded", layout.ports.iter().flat_map(on).collect());
    let ways = layout.held_routes.iter().map(|way| format!("{}{}", way.to, way.through()));
    block(&mut text, "virtual_routes", ways.collect());
    text.push_str("}\n");
    let path = |name: &str| format!("{folder}/{name}");
    let (pid_file, vrrp_pid_file) = (path("keepalived.pid"), path("vrrp.pid"));
    Some(Config { revision: digest(&text), text, pid_file, vrrp_pid_file })
}

/// VRRP has a byte. Two pairs may have the same one: each hears its peer alone.
fn number(first: ResourceId) -> i64 {
    (first.0 - 1).rem_euclid(255) + 1
}

/// The names of files that a router has for its pair, now or once.
pub fn is_file(name: &str) -> bool {
    name.starts_with("keepalived") || name == "vrrp.pid"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{Power, layout};
    use crate::sample;
    use expect_test::expect_file;
    use model::virtual_router::network::Network;

    #[test]
    fn the_files_are_as_the_golden_ones_say() {
        let first = expect_file!["../golden/keepalived-first.conf"];
        let second = expect_file!["../golden/keepalived-second.conf"];
        for (router, golden) in [(7, first), (8, second)] {
            let router = ResourceId(router);
            let network = Network::read(&sample::paired().spec).unwrap();
            let layout = layout(router, &network, &sample::settings(), Power::On);
            let config = config("/f", router, network.pair, &layout).unwrap();
            golden.assert_eq(&config.text);
        }
    }

    #[test]
    fn a_number_is_a_byte_and_never_zero() {
        assert_eq!([1, 255, 256, 511].map(|id| number(ResourceId(id))), [1, 255, 1, 1]);
    }
}
