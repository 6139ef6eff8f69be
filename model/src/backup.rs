//! A backup of a VM's disks in a repository.

mod export;
mod verified;

pub use export::{Consistency, EXPORT_FORMAT, Export, ExportDisk, ExportFile};
pub use verified::{Checked, Link, Recorded, Verified};

use crate::resource::Spec;
use crate::server::Capacity;
use crate::{Moment, ResourceId, ResourceType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub type Backup = crate::resource::Resource<BackupSpec>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupSpec {
    pub vm: ResourceId,
    #[serde(default)]
    pub repository: Repository,
    /// How long it is kept, in hours.
    pub valid_hours: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Repository {
    #[default]
    Primary,
    Secondary,
}

impl Repository {
    pub fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        }
    }
}

/// The version of the manifest that is written now.
pub const FORMAT: u32 = 1;

/// What a backup consists of: the file `manifest.json` of its folder, written last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    pub backup: ResourceId,
    pub vm: ResourceId,
    pub kind: BackupKind,
    /// Why it is a full one.
    pub why_full: Option<String>,
    /// What it stands on, the full one first.
    pub chain: Vec<ResourceId>,
    /// Libvirt's checkpoint of the same moment; none when the VM was off.
    pub checkpoint: Option<String>,
    /// The moment that all its disks are of.
    pub made_at: Moment,
    pub valid_until: Moment,
    /// The VM's definition.
    pub domain: String,
    pub disks: Vec<ManifestDisk>,
    /// Disks of the VM that are not in it.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
}

/// A disk that is not in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    pub name: String,
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupKind {
    Full,
    Incremental,
}

impl BackupKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestDisk {
    pub name: String,
    /// As the guest sees it, in bytes.
    pub size: u64,
    /// Beside the manifest.
    pub file: String,
    pub bytes: u64,
    pub sha256: String,
}

impl Manifest {
    /// The backup that this one holds the difference to.
    pub fn parent(&self) -> Option<ResourceId> {
        self.chain.last().copied()
    }

    /// What a restore needs of the repository: its chain and itself.
    pub fn with_chain(&self) -> impl DoubleEndedIterator<Item = ResourceId> + '_ {
        self.chain.iter().copied().chain([self.backup])
    }

    pub fn bytes(&self) -> u64 {
        self.disks.iter().map(|disk| disk.bytes).sum()
    }
}

impl Spec for BackupSpec {
    const TYPE: ResourceType = ResourceType::Backup;

    fn check(&self) -> Result<(), String> {
        // A century: beyond it a moment is hard to write down.
        if !(1..=876_000).contains(&self.valid_hours) {
            return Err("valid_hours is 1 to 876000".into());
        }
        Ok(())
    }

    fn check_change(&self, next: &Self) -> Result<(), String> {
        if self.vm == next.vm { Ok(()) } else { Err("vm cannot be changed".into()) }
    }

    fn takes(&self) -> Capacity {
        Capacity::default()
    }
}
