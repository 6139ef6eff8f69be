//! What a build has chosen, kept beside its unfinished files: between two attempts the VM's lock is free, and who carries a
//! build on must come to the same choice, or begin anew.

use crate::plan::Source;
use model::ResourceId;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub runs: bool,
    /// The backup that it was to be the difference to.
    pub since: Option<ResourceId>,
    /// Why libvirt would not make that difference.
    pub refused: Option<String>,
    pub disks: Vec<Source>,
    /// When each disk was last written, while the VM is off: disks of one moment have not been written between them. What a
    /// job copies is of one moment by itself.
    pub written: Vec<Option<String>>,
}

impl Record {
    /// None when it cannot be read: then nothing is known of the files beside it.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}
