//! iproute2: links, namespaces, and what it says of them.

use super::state::{Answer, Kind, Link, Refused, Space, State, refused};
use super::{batch, vpn};
use hosts::Effect::{self, Acts, Looks};
use ipnet::IpNet;
use serde_json::{Value, json};

pub(super) fn answer(state: &mut State, argv: &[&str], stdin: &[u8]) -> Option<(Effect, Answer)> {
    let text = String::from_utf8_lossy(stdin);
    Some(match argv {
        ["-json", "netns", "list"] => {
            let rows: Vec<_> = state.spaces.keys().map(|name| json!({ "name": name })).collect();
            (Looks, Ok(listed(rows)))
        }
        ["netns", "add", name] => (Acts, add(state, name)),
        ["netns", "delete", name] => (Acts, delete(state, name)),
        ["netns", "pids", name] => (Looks, pids(state, name)),
        ["-netns", name, "-json", "address", "show"] => (Looks, open(state, name).map(addresses)),
        ["-netns", name, "-json", "-4", "route", "show", "proto", "static"] => {
            (Looks, open(state, name).map(|space| routes(space, true)))
        }
        ["-netns", name, "-json", "-6", "route", "show", "proto", "static"] => {
            (Looks, open(state, name).map(|space| routes(space, false)))
        }
        ["-netns", name, "link", "add", "name", link, "type", "wireguard"] => (Acts, vpn::add_link(state, name, link)),
        ["-netns", name, "-batch", "-"] => (Acts, inside(state, name, &text)),
        ["-batch", "-"] => (Acts, batch::on_node(state, &text)),
        ["-json", "link", "show", "type", "bridge"] => (Looks, Ok(shown(state, |link| link.kind == Kind::Bridge))),
        ["-json", "link", "show", "master", name] if state.links.contains_key(*name) => {
            (Looks, Ok(shown(state, |link| link.master.as_deref() == Some(name))))
        }
        ["-json", "link", "show", "master", name] => {
            (Looks, refused(255, format!("Error: argument \"{name}\" is wrong: Device does not exist\n\n")))
        }
        ["-json", "link", "show", "group", group] => {
            let group: u32 = group.parse().ok()?;
            (Looks, Ok(shown(state, |link| link.group == group)))
        }
        ["-json", "link", "show", "dev", name] => (Looks, one(state, name)),
        ["link", "add", "name", name, "type", "bridge"] => {
            let added = batch::add(state, name, Kind::Bridge, 0, 1500).map(|()| String::new());
            let plain = |stderr| Refused { status: 2, stdout: String::new(), stderr };
            (Acts, added.map_err(plain))
        }
        ["link", "set", "dev", name, "alias", alias] => {
            (Acts, batch::on_node(state, &format!("link set dev {name} alias \"{alias}\"\n")))
        }
        ["link", "set", "dev", name, "up"] => (Acts, batch::on_node(state, &format!("link set dev {name} up\n"))),
        ["link", "set", "dev", name, "down"] => (Acts, batch::on_node(state, &format!("link set dev {name} down\n"))),
        ["link", "delete", "dev", name, "type", "bridge"] => {
            (Acts, batch::on_node(state, &format!("link delete dev {name}\n")))
        }
        _ => return None,
    })
}

fn inside(state: &mut State, space: &str, text: &str) -> Answer {
    let answer = batch::inside(state, space, text);
    vpn::ended_with(state, space)?;
    answer
}

fn add(state: &mut State, name: &str) -> Answer {
    if state.spaces.contains_key(name) {
        return refused(1, format!("Cannot create namespace file \"/run/netns/{name}\": File exists\n"));
    }
    state.spaces.insert(name.to_owned(), Space::default());
    Ok(String::new())
}

/// Processes go on where they are, in a namespace that has no name any more.
fn delete(state: &mut State, name: &str) -> Answer {
    if state.spaces.remove(name).is_none() {
        return refused(1, format!("Cannot remove namespace file \"/run/netns/{name}\": No such file or directory\n"));
    }
    let is_in = |link: &Link| matches!(&link.kind, Kind::Veth(space, _) if space == name);
    let gone: Vec<_> = state.links.iter().filter(|(_, link)| is_in(link)).map(|(name, _)| name.clone()).collect();
    gone.iter().for_each(|name| {
        state.drop_link(name);
    });
    Ok(String::new())
}

fn pids(state: &State, name: &str) -> Answer {
    if !state.spaces.contains_key(name) {
        return refused(1, "Cannot open network namespace: No such file or directory\n");
    }
    let inside = state.processes.iter().filter(|(_, process)| process.space == name);
    Ok(inside.map(|(pid, _)| format!("{pid}\n")).collect())
}

pub(super) fn open<'a>(state: &'a State, name: &str) -> Result<&'a Space, Refused> {
    let stderr = format!("Cannot open network namespace \"{name}\": No such file or directory\n");
    state.spaces.get(name).ok_or(Refused { status: 255, stdout: String::new(), stderr })
}

fn listed(rows: Vec<Value>) -> String {
    format!("{}\n", Value::Array(rows))
}

/// What a filter leaves out it writes as empty objects.
fn shown(state: &State, is_meant: impl Fn(&Link) -> bool) -> String {
    let mut links: Vec<_> = state.links.iter().collect();
    links.sort_by_key(|(_, link)| link.index);
    let rows = links.iter().map(|(name, link)| if is_meant(link) { row(name, link) } else { json!({}) });
    listed(rows.collect())
}

fn one(state: &State, name: &str) -> Answer {
    match state.links.get(name) {
        Some(link) => Ok(listed(vec![row(name, link)])),
        None => refused(1, format!("Device \"{name}\" does not exist.\n")),
    }
}

fn flags(is_up: bool) -> Value {
    if is_up { json!(["BROADCAST", "MULTICAST", "UP", "LOWER_UP"]) } else { json!(["BROADCAST", "MULTICAST"]) }
}

fn row(name: &str, link: &Link) -> Value {
    let group = if link.group == 0 { "default".to_owned() } else { link.group.to_string() };
    let mut row = json!({
        "ifindex": link.index, "ifname": name, "flags": flags(link.is_up), "mtu": link.mtu, "qdisc": "noqueue",
        "operstate": "UP", "linkmode": "DEFAULT", "group": group, "txqlen": 1000, "link_type": "ether",
        "address": "de:81:53:fa:13:f8", "broadcast": "ff:ff:ff:ff:ff:ff",
    });
    if let Some(alias) = &link.alias {
        row["ifalias"] = json!(alias);
    }
    if let Some(master) = &link.master {
        row["master"] = json!(master);
    }
    row
}

fn addresses(space: &Space) -> String {
    let scope = |net: &IpNet| match net {
        IpNet::V6(net) if net.addr().is_unicast_link_local() => "link",
        _ => "global",
    };
    let own = |net: &IpNet| json!({ "local": net.addr(), "prefixlen": net.prefix_len(), "scope": scope(net) });
    let lo = if space.is_lo_up { json!(["LOOPBACK", "UP", "LOWER_UP"]) } else { json!(["LOOPBACK"]) };
    let mut rows = vec![json!({ "ifindex": 1, "ifname": "lo", "flags": lo, "mtu": 65536, "addr_info": [] })];
    rows.extend(space.links.iter().map(|(name, inner)| {
        let nets: Vec<_> = inner.addresses.iter().map(own).collect();
        json!({
            "ifindex": inner.index, "ifname": name, "flags": flags(inner.is_up), "mtu": inner.mtu, "address": inner.mac,
            "addr_info": nets,
        })
    }));
    listed(rows)
}

fn routes(space: &Space, v4: bool) -> String {
    let text = |net: &IpNet| match net.prefix_len() {
        0 => "default".to_owned(),
        length if length == net.max_prefix_len() => net.addr().to_string(),
        _ => net.to_string(),
    };
    let own = space.routes.iter().filter(|route| route.to.addr().is_ipv4() == v4);
    let rows = own.map(|route| match route.via {
        Some(via) => json!({ "dst": text(&route.to), "gateway": via, "dev": route.link, "flags": [] }),
        None => json!({ "dst": text(&route.to), "dev": route.link, "scope": "link", "flags": [] }),
    });
    listed(rows.collect())
}
