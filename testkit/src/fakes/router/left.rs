//! What is on the node that was not there at first, in words for comparing two runs. A router's are under `drover-r7/..`.

use super::state::{Daemon, Kind, State};
use crate::fakes::kvm::sha256;
use model::ResourceId;
use std::collections::BTreeMap;

pub(super) fn words(state: &State) -> BTreeMap<String, String> {
    let mut words = BTreeMap::new();
    for (name, link) in &state.links {
        let power = if link.is_up { "up" } else { "down" };
        let master = link.master.as_deref().unwrap_or("no bridge");
        let alias = link.alias.as_deref().unwrap_or("nobody's");
        match &link.kind {
            Kind::Given => {}
            Kind::Veth(space, inner) => {
                words.insert(
                    format!("{space}/outside {name}"),
                    format!("{power} in {master}, {alias}, {}, to {inner}", link.mtu),
                );
            }
            kind => {
                words.insert(format!("bridge {name}"), format!("{kind:?}, {power} in {master}, {alias}"));
            }
        }
    }
    for (name, space) in &state.spaces {
        words.insert(format!("{name}/lo"), space.is_lo_up.to_string());
        for (link, inner) in &space.links {
            let power = if inner.is_up { "up" } else { "down" };
            let mut nets: Vec<_> = inner.addresses.iter().map(ToString::to_string).collect();
            nets.sort();
            words.insert(
                format!("{name}/link {link}"),
                format!("{power}, {}, {}, {}, {:?}", inner.mac, inner.mtu, nets.join(" "), inner.wireguard),
            );
        }
        for route in &space.routes {
            words.insert(format!("{name}/route {}", route.to), format!("via {:?} through {}", route.via, route.link));
        }
        for (key, value) in &space.sysctls {
            words.insert(format!("{name}/{key}"), value.clone());
        }
        for (name_of, table) in &space.tables {
            words.insert(format!("{name}/table {name_of}"), table.text());
        }
    }
    for process in state.processes.values() {
        // One whose namespace is gone is left all the same.
        let (name, word) = match &process.program {
            Daemon::Dnsmasq(hosts) => (format!("dnsmasq {}", process.pid_file), format!("{hosts:?}")),
            Daemon::Charon(_, connections) => (format!("charon {}", process.pid_file), format!("{connections:?}")),
            Daemon::WireguardGo(link) => (format!("wireguard-go {link}"), String::new()),
            Daemon::Keepalived { config, held, .. } => (format!("keepalived {config}"), format!("{held:?}")),
        };
        words.insert(format!("{}/{name}", process.space), word);
    }
    for unit in &state.enabled {
        words.insert(format!("{unit} enabled"), String::new());
    }
    for (path, file) in state.files.left() {
        let word = file.map_or_else(
            || "empty folder".to_owned(),
            // Which number a process got is nobody's business.
            |file| match [".pid", "/vpns-loaded", "/keepalived-told"].iter().any(|end| path.ends_with(end)) {
                true => "a process".to_owned(),
                false => format!("{} mode {:o}", sha256(&file.bytes), file.mode),
            },
        );
        words.insert(path, word);
    }
    words
}

/// Whether a key of [`words`] is of this router.
pub fn is_of(key: &str, router: ResourceId) -> bool {
    let own = [
        format!("drover-r{router}/"),
        format!("drover-r{router}."),
        format!("/routers/{router}/"),
        format!("/wg{router}-"),
    ];
    own.iter().any(|mark| key.contains(mark.as_str()))
}
