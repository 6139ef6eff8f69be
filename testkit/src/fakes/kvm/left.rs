//! What is on the host that was not there at first.

use super::domain::{self, Domain};
use super::state::State;
use super::xml::Node;
use super::{inner, network, qemu_img};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Defined or running.
    pub domains: Vec<String>,
    /// Paths; an empty folder has a slash behind.
    pub files: Vec<String>,
    pub bridges: Vec<String>,
}

impl Left {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

pub(super) fn left(state: &State) -> Left {
    Left {
        domains: state.domains.keys().cloned().collect(),
        files: state.files.left().map(|(path, _)| path).collect(),
        bridges: state.bridges.keys().cloned().collect(),
    }
}

pub(super) fn words(state: &State) -> BTreeMap<String, String> {
    let mut words = BTreeMap::new();
    for (name, domain) in &state.domains {
        words.insert(format!("{name}/power"), power(domain).to_owned());
        words.insert(format!("{name}/autostart"), domain.autostart.to_string());
        for snapshot in &domain.snapshots {
            let parent = snapshot.parent.as_ref().map(|parent| format!(" on {parent}")).unwrap_or_default();
            let current = if domain.current.as_ref() == Some(&snapshot.name) { ", current" } else { "" };
            let word = format!("{}{parent}{current}", snapshot.state());
            words.insert(format!("{name}/snapshot {}", snapshot.name), word);
        }
        for checkpoint in &domain.backups.checkpoints {
            words.insert(format!("{name}/checkpoint {}", checkpoint.name), "recording".to_owned());
        }
        for (which, xml) in [("kept", &domain.kept), ("live", &domain.live)] {
            if let Some(xml) = xml {
                words.insert(format!("{name}/{which}"), hardware(xml));
            }
        }
    }
    for (path, file) in state.files.left() {
        let word = file.map_or_else(
            || "empty folder".to_owned(),
            |file| {
                let base = qemu_img::backing(&file.bytes).map(|base| format!(" on {base}")).unwrap_or_default();
                format!("{} bytes{base}, mode {:o}", qemu_img::virtual_size(&file.bytes), file.mode)
            },
        );
        words.insert(path, word);
    }
    for (name, bridge) in &state.bridges {
        let up = if bridge.is_up { "up" } else { "down" };
        words.insert(format!("bridge {name}"), format!("{up}, {}", bridge.alias.as_deref().unwrap_or("nobody's")));
    }
    words.extend(network::words(state));
    words.extend(inner::words(state));
    words
}

fn power(domain: &Domain) -> &'static str {
    match &domain.live {
        Some(_) if domain.is_paused => "paused",
        Some(_) if domain.memory.is_frozen => "on and frozen",
        Some(_) => "on",
        None => "off",
    }
}

fn hardware(xml: &Node) -> String {
    let (present, most) = domain::cpus(xml);
    let disk = |disk: &Node| {
        let of = |child: &str, attribute: &str| disk.of(child, attribute).unwrap_or_default().to_owned();
        format!(", {} {}{}", of("target", "dev"), of("source", "file"), of("source", "name"))
    };
    let nic = |nic: &Node| format!(", nic on {}", nic.of("source", "bridge").unwrap_or_default());
    let disks: String = domain::disks(xml).map(disk).collect();
    let nics: String = domain::nics(xml).map(nic).collect();
    let given: String =
        super::hostdev::hostdevs(xml).map(|device| format!(", given {}", super::hostdev::address(device))).collect();
    format!("{present} of {most} cpus, {} KiB{disks}{nics}{given}", domain::memory_kib(xml))
}
