//! What the host holds, as it stands in `state.json`.

use super::faults::Fault;
use super::object::Object;
use super::wrong::Wrong;
use cmdlets::Problem;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub(super) type Answer = Result<Vec<Object>, Wrong>;

/// How long things take on the host's own clock, which goes on with every request. No test waits for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pace {
    /// Between one request and the next.
    pub tick_ms: u64,
    /// From power on until the guest answers.
    pub boot_ms: u64,
    /// Until a guest that was asked to is off.
    pub shutdown_ms: u64,
    /// From the removal of a checkpoint until its disks are merged.
    pub merge_ms: u64,
    /// Of anything else that is started as a job.
    pub job_ms: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { tick_ms: 5_000, boot_ms: 10_000, shutdown_ms: 10_000, merge_ms: 10_000, job_ms: 10_000 }
    }
}

/// How every guest behaves.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Guests {
    pub ignore_shutdown: bool,
    /// No integration services: no heartbeat, no addresses.
    pub are_mute: bool,
    /// No checkpoint that asks the guest to flush.
    pub refuse_production: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Power {
    Off,
    Running,
    Saved,
    Paused,
    OffCritical,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Vm {
    pub id: String,
    pub name: String,
    pub notes: String,
    pub generation: u64,
    pub path: String,
    pub power: Power,
    pub started_ms: u64,
    pub created_ms: u64,
    /// Whether the guest has come up since it was started.
    pub is_up: bool,
    /// What the guest was told by the disc of its first boot: a digest, and the address of each MAC.
    pub told: Option<Told>,
    pub settings: BTreeMap<String, Value>,
    pub hardware: Hardware,
    pub snapshots: Vec<Snapshot>,
    /// The checkpoint that the current disks stand on.
    pub parent: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    pub digest: String,
    pub addresses: BTreeMap<String, String>,
}

/// What a checkpoint keeps and brings back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Hardware {
    pub cpus: u64,
    pub memory: u64,
    pub dynamic: bool,
    pub secure_boot: bool,
    pub template: String,
    pub adapters: Vec<Adapter>,
    pub drives: Vec<Drive>,
    pub dvds: Vec<Drive>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Adapter {
    pub id: String,
    pub name: String,
    pub mac: String,
    pub is_static: bool,
    pub switch: Option<String>,
    pub settings: BTreeMap<String, Value>,
    pub vlan: Vlan,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) enum Vlan {
    #[default]
    Untagged,
    Access(u64),
    Trunk {
        native: u64,
        allowed: Vec<u64>,
    },
}

/// A hard disk, or a DVD drive with or without a disc.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Drive {
    pub controller: u64,
    pub location: u64,
    pub path: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Snapshot {
    pub id: String,
    pub name: String,
    pub parent: Option<String>,
    /// `Standard`, or `Recovery` of a backup product.
    pub kind: String,
    pub created_ms: u64,
    /// Kept with the guest's memory: it comes back as it ran.
    pub has_memory: bool,
    pub hardware: Hardware,
    pub told: Option<Told>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Switch {
    pub id: String,
    pub name: String,
    pub kind: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Volume {
    pub letter: char,
    pub size: u64,
}

/// Of one PowerShell: it goes with its process, and the work goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Job {
    pub id: u64,
    pub session: u64,
    pub cmd: String,
    pub began_ms: u64,
    pub takes_ms: u64,
    pub state: String,
    pub problem: Option<Problem>,
    pub output: Vec<Object>,
}

/// What the host does later, whoever waits for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub at_ms: u64,
    pub job: Option<u64>,
    pub deed: Deed,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Deed {
    /// The disks of checkpoints that are gone are merged into those below.
    Merge {
        vm: String,
        gone: Vec<Drive>,
    },
    Call {
        cmd: String,
        args: Map<String, Value>,
        input: Option<Object>,
    },
    /// A job that was made to fail.
    Fail(Problem),
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    pub name: String,
    pub clock_ms: u64,
    pub last_number: u64,
    pub last_session: u64,
    pub pace: Pace,
    pub guests: Guests,
    /// Below these anything may be made and removed.
    pub roots: Vec<String>,
    /// What the test put there, which may only be read.
    pub given: Vec<String>,
    pub vms: Vec<Vm>,
    pub switches: Vec<Switch>,
    pub volumes: Vec<Volume>,
    /// Disks that the host itself has open.
    pub mounted: Vec<String>,
    pub jobs: Vec<Job>,
    pub tasks: Vec<Task>,
    pub faults: Vec<Fault>,
    /// The role Hyper-V is not installed.
    pub lacks_module: bool,
    /// Requests so far.
    pub asked: u64,
}

impl State {
    pub fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// A GUID that no other thing of the host has.
    pub fn guid(&mut self) -> String {
        let number = self.number();
        let seed =
            self.name.bytes().fold(0x811c_9dc5_u32, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        format!("{seed:08x}-0000-4000-8000-{number:012x}")
    }

    pub fn vm(&self, id: &str) -> Option<&Vm> {
        self.vms.iter().find(|vm| vm.id.eq_ignore_ascii_case(id))
    }

    /// Whether disks of checkpoints that are gone are still being merged.
    pub fn merges(&self, vm: &str) -> bool {
        self.tasks.iter().any(|task| matches!(&task.deed, Deed::Merge { vm: of, .. } if of == vm))
    }

    /// As PowerShell writes a time with `o`.
    pub fn time(ms: u64) -> String {
        let (days, ms) = (ms / 86_400_000, ms % 86_400_000);
        let (hours, minutes, seconds, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
        format!("2026-01-{:02}T{hours:02}:{minutes:02}:{seconds:02}.{ms:03}0000Z", days + 1)
    }
}

impl Power {
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "Off",
            Self::Running => "Running",
            Self::Saved => "Saved",
            Self::Paused => "Paused",
            Self::OffCritical => "OffCritical",
        }
    }
}
