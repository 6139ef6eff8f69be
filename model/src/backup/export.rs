//! What a backup of a Hyper-V VM consists of: one whole export of it, which stands on nothing.

use crate::{Moment, ResourceId};
use serde::{Deserialize, Serialize};

/// The version of the manifest that is written now.
pub const EXPORT_FORMAT: u32 = 1;

/// The file `manifest.json` of its folder, written last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    pub format: u32,
    pub backup: ResourceId,
    pub vm: ResourceId,
    pub consistency: Consistency,
    /// Why the guest's own data are not known to be in order.
    pub why_crash: Option<String>,
    /// The moment that all its disks are of.
    pub made_at: Moment,
    pub valid_until: Moment,
    pub disks: Vec<ExportDisk>,
    pub files: Vec<ExportFile>,
}

/// What a guest finds when it starts from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consistency {
    /// Its file systems and programs had put their data in order.
    Data,
    /// As after a power cut.
    Crash,
    /// It was off.
    Off,
}

/// Which of the files a disk of the VM is; one that stands on others is read through them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportDisk {
    pub name: String,
    /// As the guest sees it, in bytes.
    pub size: u64,
    /// As in `files`.
    pub file: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportFile {
    /// From the backup's folder on, with backslashes.
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
}

impl Export {
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

impl Consistency {
    pub fn word(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Crash => "crash",
            Self::Off => "off",
        }
    }
}
