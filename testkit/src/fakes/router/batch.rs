//! `ip -batch`: one command a line, the first that fails ends it.

use super::state::{Answer, Inner, Kind, Link, Refused, Route, Space, State, refused};
use ipnet::IpNet;

type Done = Result<(), String>;

const EXISTS: &str = "RTNETLINK answers: File exists\n";

/// The kernel keeps a byte of its sixteen for itself.
const LONGEST_NAME: usize = 15;

/// Words, with quotes around those that hold blanks.
fn words(line: &str) -> Vec<String> {
    let quoted = line.split('"').enumerate();
    let parts = quoted.flat_map(|(number, part)| match number % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
        _ => vec![part.to_owned()],
    });
    parts.collect()
}

fn each(text: &str, mut one: impl FnMut(&[&str]) -> Done) -> Answer {
    for (number, line) in text.lines().enumerate() {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if let Err(said) = one(&words) {
            return refused(1, format!("{said}Command failed -:{}\n", number + 1));
        }
    }
    Ok(String::new())
}

pub(super) fn on_node(state: &mut State, text: &str) -> Answer {
    each(text, |words| match words {
        ["link", "delete", "dev", name] => {
            if state.drop_link(name) {
                Ok(())
            } else {
                Err(no_device(name))
            }
        }
        ["link", "add", "name", name, "type", "bridge"] => add(state, name, Kind::Bridge, 0, 1500),
        ["link", "add", "name", name, "type", "vxlan", "id", id, "dev", device, ..] => {
            has(state, device)?;
            add(state, name, Kind::Vxlan(number(id)), 0, 1450)
        }
        ["link", "add", "link", device, "name", name, "type", "vlan", "id", id] => {
            has(state, device)?;
            add(state, name, Kind::Vlan(number(id)), 0, 1500)
        }
        [
            "link",
            "add",
            "name",
            name,
            "group",
            group,
            "mtu",
            mtu,
            "type",
            "veth",
            "peer",
            "name",
            inner,
            "netns",
            space,
            "address",
            mac,
            "mtu",
            inner_mtu,
        ] => {
            let Some(there) = state.spaces.get(*space) else { return Err(no_space(space)) };
            if there.links.contains_key(*inner) {
                return Err(EXISTS.to_owned());
            }
            add(state, name, Kind::Veth((*space).to_owned(), (*inner).to_owned()), number(group), number(mtu))?;
            state.index += 1;
            let end = Inner { index: state.index, mac: (*mac).to_owned(), mtu: number(inner_mtu), ..Inner::default() };
            state.spaces.entry((*space).to_owned()).or_default().links.insert((*inner).to_owned(), end);
            Ok(())
        }
        ["link", "set", "dev", name, rest @ ..] => {
            has(state, name)?;
            set(state, name, rest)
        }
        other => panic!("the fake router node does not know: ip {}", other.join(" ")),
    })
}

fn number(text: &str) -> u32 {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

fn no_device(name: &str) -> String {
    format!("Cannot find device \"{name}\"\n")
}

fn no_space(name: &str) -> String {
    format!("Error: argument \"{name}\" is wrong: Invalid \"netns\" value\n\n")
}

fn has(state: &State, name: &str) -> Done {
    if state.links.contains_key(name) { Ok(()) } else { Err(no_device(name)) }
}

pub(super) fn check_name(name: &str) -> Done {
    match name.len() > LONGEST_NAME {
        true => Err(format!("Error: argument \"{name}\" is wrong: \"name\" not a valid ifname\n\n")),
        false => Ok(()),
    }
}

pub(super) fn add(state: &mut State, name: &str, kind: Kind, group: u32, mtu: u32) -> Done {
    check_name(name)?;
    if state.links.contains_key(name) {
        return Err(EXISTS.to_owned());
    }
    state.index += 1;
    state.links.insert(name.to_owned(), Link { index: state.index, kind, group, mtu, ..Link::default() });
    Ok(())
}

fn set(state: &mut State, name: &str, rest: &[&str]) -> Done {
    let mut rest = rest;
    while !rest.is_empty() {
        let master = match rest {
            ["master", bridge, ..] => {
                has(state, bridge)?;
                Some((*bridge).to_owned())
            }
            _ => None,
        };
        let Some(link) = state.links.get_mut(name) else { return Err(no_device(name)) };
        rest = match rest {
            ["alias", alias, rest @ ..] => {
                link.alias = Some((*alias).to_owned());
                rest
            }
            ["mtu", mtu, rest @ ..] => {
                link.mtu = number(mtu);
                rest
            }
            ["master", _, rest @ ..] => {
                link.master = master;
                rest
            }
            ["up", rest @ ..] => {
                link.is_up = true;
                rest
            }
            ["down", rest @ ..] => {
                link.is_up = false;
                rest
            }
            other => panic!("the fake router node does not know: ip link set dev {name} {}", other.join(" ")),
        };
    }
    Ok(())
}

pub(super) fn inside(state: &mut State, space: &str, text: &str) -> Answer {
    let Some(space) = state.spaces.get_mut(space) else {
        let stderr = format!("Cannot open network namespace \"{space}\": No such file or directory\n");
        return Err(Refused { status: 255, stdout: String::new(), stderr });
    };
    each(text, |words| match words {
        ["link", "set", "dev", "lo", "up"] => {
            space.is_lo_up = true;
            Ok(())
        }
        ["link", "set", "dev", name, "up"] => {
            link(space, name)?.is_up = true;
            Ok(())
        }
        ["link", "set", "dev", name, "mtu", mtu] => {
            link(space, name)?.mtu = number(mtu);
            Ok(())
        }
        ["link", "delete", "dev", name] => {
            link(space, name)?;
            space.links.remove(*name);
            space.routes.retain(|route| route.link != *name);
            Ok(())
        }
        ["address", "replace", net, "dev", name] | ["address", "replace", net, "dev", name, "nodad"] => {
            let (net, link) = (read(net), link(space, name)?);
            if !link.addresses.contains(&net) {
                link.addresses.push(net);
            }
            Ok(())
        }
        ["address", "delete", net, "dev", name] => {
            let (net, link) = (read(net), link(space, name)?);
            if !link.addresses.contains(&net) {
                let said = if net.addr().is_ipv4() { "ipv4: Address" } else { "ipv6: address" };
                return Err(format!("Error: {said} not found.\n"));
            }
            link.addresses.retain(|own| *own != net);
            // Nothing leaves through a link without an address.
            let family = |own: &IpNet| own.addr().is_ipv4() == net.addr().is_ipv4();
            if net.addr().is_ipv4() && !link.addresses.iter().any(family) {
                space.routes.retain(|route| route.link != **name || !family(&route.to));
            }
            Ok(())
        }
        ["route", "replace", to, "dev", name, "proto", "static"] => {
            if !link(space, name)?.is_up {
                return Err("Error: Device for nexthop is not up.\n".to_owned());
            }
            let to = read(to);
            space.routes.retain(|route| route.to != to);
            space.routes.push(Route { to, via: None, link: (*name).to_owned() });
            space.routes.sort_by_key(|route| route.to);
            Ok(())
        }
        ["route", "replace", to, "via", via, rest @ ..] => {
            let via = via.parse().unwrap_or_else(|_| panic!("{via} is no address"));
            let name = match rest {
                ["dev", name, "onlink", "proto", "static"] => (*name).to_owned(),
                ["proto", "static"] => {
                    let holds = |inner: &Inner| inner.is_up && inner.addresses.iter().any(|net| net.contains(&via));
                    let found = space.links.iter().find(|(_, inner)| holds(inner));
                    found.ok_or("Error: Nexthop has invalid gateway.\n")?.0.clone()
                }
                other => panic!("the fake router node does not know: ip route replace .. {}", other.join(" ")),
            };
            if !link(space, &name)?.is_up {
                return Err("Error: Device for nexthop is not up.\n".to_owned());
            }
            let to = read(to);
            space.routes.retain(|route| route.to != to);
            space.routes.push(Route { to, via: Some(via), link: name });
            space.routes.sort_by_key(|route| route.to);
            Ok(())
        }
        ["route", "delete", to, "proto", "static"] => {
            let (to, before) = (read(to), space.routes.len());
            space.routes.retain(|route| route.to != to);
            if space.routes.len() == before { Err("RTNETLINK answers: No such process\n".to_owned()) } else { Ok(()) }
        }
        other => panic!("the fake router node does not know: ip -netns .. {}", other.join(" ")),
    })
}

fn link<'a>(space: &'a mut Space, name: &str) -> Result<&'a mut Inner, String> {
    space.links.get_mut(name).ok_or_else(|| no_device(name))
}

fn read(text: &str) -> IpNet {
    let alone = || text.parse::<std::net::IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| alone()).unwrap_or_else(|_| panic!("{text} is no network"))
}
