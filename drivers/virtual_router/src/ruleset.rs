//! A router's nftables ruleset: a pure function of its wish, with a golden file. It is one table, loaded as a whole or
//! [changed](difference), in one transaction; what connections there are the kernel keeps apart from it.

pub mod difference;
mod rule;
mod vpn;

use model::virtual_router::network::{Family, Network};
use model::{ResourceId, names};
use sha2::{Digest, Sha256};
use std::fmt::Write;

pub const TABLE: &str = "drover";

pub fn ruleset(router: ResourceId, network: &Network) -> String {
    let mut body = String::new();
    sets(network, &mut body);
    input(router, network, &mut body);
    forward(router, network, &mut body);
    if network.public.is_some() {
        nat(network, &mut body);
    }
    // Made before it is deleted: deleting what is absent is an error.
    format!(
        "# drover virtual_router {router}\ntable inet {TABLE} {{}}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n{}}}\n",
        body.trim_start_matches('\n')
    )
}

pub fn digest(text: &str) -> String {
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn chain(out: &mut String, name: &str, head: &str, rules: &[String]) {
    let _ = writeln!(out, "\n\tchain {name} {{");
    if !head.is_empty() {
        let _ = writeln!(out, "\t\t{head}");
    }
    rules.iter().for_each(|rule| {
        let _ = writeln!(out, "\t\t{rule}");
    });
    out.push_str("\t}\n");
}

fn sets(network: &Network, out: &mut String) {
    for (name, members) in &network.sets {
        let family = members.first().map_or(Family::V4, |net| Family::of(net.addr()));
        let kind = if family == Family::V4 { "ipv4_addr" } else { "ipv6_addr" };
        let members: Vec<_> = members.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            out,
            "\n\tset {} {{\n\t\ttype {kind}\n\t\tflags interval\n\t\telements = {{ {} }}\n\t}}",
            rule::set(name),
            members.join(", ")
        );
    }
}

/// The segments' links, quoted; none where there is no segment.
fn links(network: &Network) -> Option<String> {
    let names: Vec<_> = network.lans.iter().map(|lan| format!("\"{}\"", names::segment_link(lan.id))).collect();
    (!names.is_empty()).then(|| format!("{{ {} }}", names.join(", ")))
}

/// What is meant for the router itself.
fn input(router: ResourceId, network: &Network, out: &mut String) {
    let mut rules: Vec<String> = [
        "ct state invalid drop",
        "ct state established,related accept",
        "iifname \"lo\" accept",
        // Without these IPv6 finds no neighbour.
        "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld-listener-query, mld-listener-report, mld2-listener-report } accept",
        "icmpv6 type { echo-request, destination-unreachable, packet-too-big, time-exceeded, parameter-problem } limit rate 100/second accept",
        "icmp type { echo-request, destination-unreachable, time-exceeded, parameter-problem } limit rate 100/second accept",
    ]
    .map(str::to_owned)
    .into();
    if let Some(links) = links(network) {
        rules.push(format!("iifname {links} meta l4proto {{ tcp, udp }} th dport 53 accept"));
        rules.push(format!("iifname {links} udp dport {{ 67, 547 }} accept"));
    }
    // VRRP, which has no secret: nobody but the other router of the pair is heard.
    rules.extend(network.pair.map(|halves| {
        let peer = names::pair_address(halves.other(router));
        format!("iifname \"{}\" ip6 saddr {peer} meta l4proto 112 accept", names::UPLINK)
    }));
    rules.extend(vpn::openings(network));
    chain(out, "input", "type filter hook input priority filter; policy drop;", &rules);
}

/// What goes through it.
fn forward(router: ResourceId, network: &Network, out: &mut String) {
    let uplink = names::UPLINK;
    let tenant: Vec<_> = network.rules.iter().flat_map(|one| rule::rules(router, one)).collect();
    chain(out, "firewall", "", &tenant);
    let mut rules = vpn::no_way_round(network);
    rules.extend([
        // A VPN or a VXLAN on the way takes less than either end believes.
        "tcp flags syn / syn,rst tcp option maxseg size set rt mtu".to_owned(),
        "ct state invalid drop".into(),
        "ct state established,related accept".into(),
        // Whoever says to be somewhere else than where the answer would go.
        "fib saddr . iif oif missing drop".into(),
    ]);
    if network.has_uplink() {
        rules.push(format!("iifname \"{uplink}\" oifname \"{uplink}\" drop"));
        // A private address is reached through its floating one alone.
        rules.push(format!(
            "iifname \"{uplink}\" meta nfproto ipv4{} ct status & dnat != dnat drop",
            vpn::came_plain(network)
        ));
    }
    rules.push("jump firewall".into());
    rules.extend(vpn::through(network));
    if network.has_uplink() {
        rules.push(format!("oifname \"{uplink}\" accept"));
    }
    chain(out, "forward", "type filter hook forward priority filter; policy drop;", &rules);
}

fn nat(network: &Network, out: &mut String) {
    let Some(own) = network.public else { return };
    let map = |pairs: Vec<(String, String)>| {
        let pairs: Vec<_> = pairs.into_iter().map(|(from, to)| format!("{from} : {to}")).collect();
        format!("{{ {} }}", pairs.join(", "))
    };
    let (mut before, mut after) = (Vec::new(), vpn::untranslated(network));
    if !network.nats.is_empty() {
        let there = network.nats.iter().map(|(public, private)| (public.to_string(), private.to_string()));
        let back = network.nats.iter().map(|(public, private)| (private.to_string(), public.to_string()));
        before.push(format!("dnat ip to ip daddr map {}", map(there.collect())));
        after.push(format!("oifname \"{}\" snat ip to ip saddr map {}", names::UPLINK, map(back.collect())));
        // A machine that asks for a floating address of its own segment would else get an answer from the wrong one.
        let lans: Vec<_> = network.lans.iter().map(|lan| lan.address.trunc().to_string()).collect();
        after.push(format!(
            "oifname != \"{}\" ip saddr {{ {} }} ct status & dnat == dnat masquerade",
            names::UPLINK,
            lans.join(", ")
        ));
    }
    after.push(format!("oifname \"{}\" meta nfproto ipv4 snat ip to {}", names::UPLINK, own.addr()));
    chain(out, "prerouting", "type nat hook prerouting priority dstnat; policy accept;", &before);
    chain(out, "postrouting", "type nat hook postrouting priority srcnat; policy accept;", &after);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use expect_test::expect_file;

    #[test]
    fn the_ruleset_is_as_the_golden_file_says() {
        let router = sample::router();
        let network = Network::read(&router.spec).unwrap();
        let vpns = Network::read(&sample::with_vpns().spec).unwrap();
        expect_file!["../golden/ruleset-vpns.nft"].assert_eq(&ruleset(router.id, &vpns));
        expect_file!["../golden/ruleset.nft"].assert_eq(&ruleset(router.id, &network));
        let paired = Network::read(&sample::paired().spec).unwrap();
        expect_file!["../golden/ruleset-pair.nft"].assert_eq(&ruleset(router.id, &paired));
    }
}
