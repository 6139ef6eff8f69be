//! One rule of a tenant's firewall, as nftables has it.

use model::ResourceId;
use model::virtual_router::Protocol;
use model::virtual_router::network::{Family, Match, Side};

/// The set's name in the table.
pub fn set(name: &str) -> String {
    format!("set-{name}")
}

/// The rule, and before it the one that logs.
pub fn rules(router: ResourceId, rule: &Match) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(side("saddr", &rule.source, rule.family));
    parts.extend(side("daddr", &rule.destination, rule.family));
    parts.extend(protocol(rule));
    let (verdict, word) = if rule.allow { ("accept", "allow") } else { ("drop", "deny") };
    let matched = parts.join(" ");
    let with = |rest: String| if matched.is_empty() { rest } else { format!("{matched} {rest}") };
    let mut rules = Vec::new();
    if rule.log {
        let prefix = format!("drover-r{router} rule {} {word}: ", rule.order);
        rules.push(with(format!("limit rate 10/second burst 20 packets log prefix \"{prefix}\" level info")));
    }
    rules.push(with(format!("counter {verdict} comment \"rule {}\"", rule.order)));
    rules
}

fn side(what: &str, side: &Side, family: Option<Family>) -> Option<String> {
    let word = if family == Some(Family::V6) { "ip6" } else { "ip" };
    match side {
        Side::Any => None,
        Side::Net(net) => Some(format!("{word} {what} {net}")),
        Side::Set(name) => Some(format!("{word} {what} @{}", set(name))),
    }
}

fn protocol(rule: &Match) -> Option<String> {
    let word = match (rule.protocol, rule.family) {
        (Protocol::Any, _) => return None,
        (Protocol::Icmp, Some(Family::V4)) => return Some("meta l4proto icmp".into()),
        (Protocol::Icmp, Some(Family::V6)) => return Some("meta l4proto ipv6-icmp".into()),
        (Protocol::Icmp, None) => return Some("meta l4proto { icmp, ipv6-icmp }".into()),
        (Protocol::Tcp, _) => "tcp",
        (Protocol::Udp, _) => "udp",
    };
    if rule.ports.is_empty() {
        return Some(format!("meta l4proto {word}"));
    }
    let range = |(first, last): &(u16, u16)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    let ranges: Vec<_> = rule.ports.iter().map(range).collect();
    Some(format!("{word} dport {{ {} }}", ranges.join(", ")))
}
