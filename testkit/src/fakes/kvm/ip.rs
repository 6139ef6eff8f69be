//! Bridges, and the taps of running guests on them.

use super::domain;
use super::state::{Answer, Refused, State, refused};
use hosts::Effect::{self, Acts, Looks};
use serde_json::{Value, json};

#[derive(Clone, Debug, Default)]
pub(super) struct Bridge {
    index: u32,
    pub alias: Option<String>,
    pub is_up: bool,
}

/// The kernel keeps a byte of its sixteen for itself.
const LONGEST_NAME: usize = 15;

pub(super) fn answer(state: &mut State, argv: &[&str]) -> Option<(Effect, Answer)> {
    Some(match argv {
        ["-json", "link", "show", "type", "bridge"] => (Looks, Ok(bridges(state))),
        ["-json", "link", "show", "master", name] => (Looks, ports(state, name)),
        ["link", "add", "name", name, "type", "bridge"] => (Acts, add(state, name)),
        ["link", "set", "dev", name, "alias", alias] => {
            (Acts, change(state, name, |bridge| bridge.alias = Some((*alias).to_owned())))
        }
        ["link", "set", "dev", name, "up"] => (Acts, change(state, name, |bridge| bridge.is_up = true)),
        ["link", "set", "dev", name, "down"] => (Acts, change(state, name, |bridge| bridge.is_up = false)),
        ["link", "delete", "dev", name, "type", "bridge"] => {
            let gone = state.bridges.remove(*name).map(|_| String::new());
            (Acts, gone.ok_or_else(|| no_device(name)))
        }
        _ => return None,
    })
}

fn no_device(name: &str) -> Refused {
    Refused { status: 1, stderr: format!("Cannot find device \"{name}\"\n") }
}

fn add(state: &mut State, name: &str) -> Answer {
    if name.len() > LONGEST_NAME {
        return refused(255, format!("Error: argument \"{name}\" is wrong: \"name\" not a valid ifname\n\n"));
    }
    if state.bridges.contains_key(name) {
        return refused(2, "RTNETLINK answers: File exists\n");
    }
    state.link_index += 1;
    state.bridges.insert(name.to_owned(), Bridge { index: state.link_index, ..Bridge::default() });
    Ok(String::new())
}

fn change(state: &mut State, name: &str, change: impl FnOnce(&mut Bridge)) -> Answer {
    change(state.bridges.get_mut(name).ok_or_else(|| no_device(name))?);
    Ok(String::new())
}

fn bridges(state: &State) -> String {
    let mut rows: Vec<(u32, Value)> =
        state.bridges.iter().map(|(name, bridge)| (bridge.index, row(state, name, bridge))).collect();
    rows.sort_by_key(|(index, _)| *index);
    format!("{}\n", Value::Array(rows.into_iter().map(|(_, row)| row).collect()))
}

fn row(state: &State, name: &str, bridge: &Bridge) -> Value {
    let has_ports = !taps(state, name).is_empty();
    let (flags, qdisc, operstate) = match (bridge.is_up, has_ports) {
        (false, _) => (json!(["BROADCAST", "MULTICAST"]), "noop", "DOWN"),
        (true, false) => (json!(["BROADCAST", "MULTICAST", "UP", "LOWER_UP"]), "noqueue", "UNKNOWN"),
        (true, true) => (json!(["BROADCAST", "MULTICAST", "UP", "LOWER_UP"]), "noqueue", "UP"),
    };
    let mut row = json!({
        "ifindex": bridge.index, "ifname": name, "flags": flags, "mtu": 1500, "qdisc": qdisc, "operstate": operstate,
        "linkmode": "DEFAULT", "group": "default", "txqlen": 1000, "link_type": "ether",
        "address": "de:81:53:fa:13:f8", "broadcast": "ff:ff:ff:ff:ff:ff",
    });
    if let Some(alias) = &bridge.alias {
        row["ifalias"] = json!(alias);
    }
    row
}

/// The mac of each nic of a running guest that is plugged into this bridge.
fn taps(state: &State, bridge: &str) -> Vec<String> {
    let running = state.domains.values().filter_map(|domain| domain.live.as_ref());
    let nics = running.flat_map(domain::nics).filter(|nic| nic.of("source", "bridge") == Some(bridge));
    nics.filter_map(|nic| nic.of("mac", "address").map(str::to_owned)).collect()
}

fn ports(state: &State, name: &str) -> Answer {
    if !state.bridges.contains_key(name) {
        return refused(255, format!("Error: argument \"{name}\" is wrong: Device does not exist\n\n"));
    }
    let row = |(index, mac): (usize, String)| {
        json!({
            "ifindex": 1000 + index, "ifname": format!("vnet{index}"), "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
            "mtu": 1500, "qdisc": "noqueue", "master": name, "operstate": "UNKNOWN", "linkmode": "DEFAULT", "group": "default",
            "txqlen": 1000, "link_type": "ether", "address": mac.replacen("52", "fe", 1), "broadcast": "ff:ff:ff:ff:ff:ff",
        })
    };
    Ok(format!("{}\n", Value::Array(taps(state, name).into_iter().enumerate().map(row).collect())))
}
