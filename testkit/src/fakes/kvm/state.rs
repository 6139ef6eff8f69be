//! What the host holds, and what the test has ordered.

use super::domain::Domain;
use super::files::Files;
use super::hostdev::Devices;
use super::inner::Inner;
use super::ip::Bridge;
use super::secret::Secret;
use super::{domain, network};
use crate::fakes::ceph::Cluster;
use hosts::HostError;
use hosts::guard::Memory;
use std::collections::BTreeMap;

/// A program's stdout with status 0, or what it refused with.
pub(in crate::fakes) type Answer = Result<String, Refused>;

#[derive(Debug, PartialEq, Eq)]
pub(in crate::fakes) struct Refused {
    pub status: i32,
    pub stderr: String,
}

pub(in crate::fakes) fn refused<T>(status: i32, stderr: impl Into<String>) -> Result<T, Refused> {
    Err(Refused { status, stderr: stderr.into() })
}

/// Whether a command's line, or its number among those that act, is meant.
type Predicate = Box<dyn Fn(&str, usize) -> bool + Send>;

pub(super) struct Failure {
    pub is: Predicate,
    pub error: HostError,
}

/// How every guest of the host behaves.
#[derive(Default)]
pub(super) struct Guests {
    pub ignore_acpi: bool,
    pub shut_down_after: u32,
    pub hold_devices: bool,
    /// Whether an agent answers inside.
    pub agent: bool,
    /// Whether an agent that has frozen the file systems has no time to say so.
    pub mute_when_frozen: bool,
    pub back_up_after: u32,
}

#[derive(Default)]
pub(super) struct State {
    pub files: Files,
    /// By name.
    pub domains: BTreeMap<String, Domain>,
    pub bridges: BTreeMap<String, Bridge>,
    /// By number.
    pub secrets: BTreeMap<String, Secret>,
    pub ceph: Option<Cluster>,
    pub devices: Devices,
    pub fences: Memory,
    pub inner: Vec<Inner>,
    pub served: BTreeMap<String, Vec<u8>>,
    pub guests: Guests,
    pub unreachable: Option<String>,
    pub failures: Vec<Failure>,
    pub acted: usize,
    pub transcript: Vec<String>,
    /// The last numbers given out.
    pub domain_id: u32,
    pub link_index: u32,
}

impl State {
    pub fn domain(&self, name: &str) -> Result<&Domain, Refused> {
        self.domains.get(name).ok_or_else(|| absent(name))
    }

    pub fn domain_mut(&mut self, name: &str) -> Result<&mut Domain, Refused> {
        self.domains.get_mut(name).ok_or_else(|| absent(name))
    }

    /// The guest is off; a domain that is not defined goes with it.
    pub fn stop(&mut self, name: &str) {
        for disk in
            self.domains.get(name).and_then(|domain| domain.live.as_ref()).iter().flat_map(|xml| domain::disks(xml))
        {
            network::close(self, disk, name);
        }
        self.end(name);
    }

    /// The same, and what it had open is not closed.
    pub fn end(&mut self, name: &str) {
        let Some(domain) = self.domains.get_mut(name) else { return };
        domain.live = None;
        domain.stops_in = None;
        domain.is_paused = false;
        let unfinished = domain.backups.stop();
        if domain.kept.is_none() {
            self.domains.remove(name);
        }
        for path in unfinished {
            // Whoever removed it first, it is gone.
            let _ = self.files.remove(&path);
        }
    }

    /// Whether a running guest has this file open for writing, as a disk of its own.
    pub fn is_open(&self, path: &str) -> bool {
        let disks = self.domains.values().filter_map(|domain| domain.live.as_ref()).flat_map(super::domain::disks);
        disks.filter(|disk| disk.child("readonly").is_none()).any(|disk| disk.of("source", "file") == Some(path))
    }
}

fn absent(name: &str) -> Refused {
    Refused { status: 1, stderr: format!("error: failed to get domain '{name}'\n") }
}
