//! A VHDX: a small sparse file with a JSON header and a body, so that copies, hashes, renames and free space are real.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Of every disk's file, whatever it holds.
pub(super) const LENGTH: u64 = 64 << 10;

const MAGIC: &str = "vhdxfile ";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Disk {
    /// `Dynamic`, `Fixed` or `Differencing`.
    pub kind: String,
    pub size: u64,
    /// A differencing disk's, by path.
    #[serde(default)]
    pub parent: Option<String>,
    /// The parent's identity when this one was made on it: a changed parent breaks it.
    #[serde(default)]
    pub parent_identity: Option<String>,
    pub identity: String,
    /// What guests have written, over what is below.
    #[serde(default)]
    pub blocks: BTreeMap<String, String>,
}

impl Disk {
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let line = bytes.split(|byte| *byte == b'\n').next()?;
        serde_json::from_slice(line.strip_prefix(MAGIC.as_bytes())?).ok()
    }

    /// None when it is no disk.
    pub fn read(real: &Path) -> io::Result<Option<Self>> {
        Ok(Self::of_bytes(&std::fs::read(real)?))
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{MAGIC}{}\n", serde_json::to_string(self).expect("a disk is JSON")).into_bytes();
        bytes.resize(bytes.len().max(LENGTH as usize), 0);
        bytes
    }

    pub fn write(&self, real: &Path) -> io::Result<()> {
        std::fs::write(real, self.bytes())
    }
}

/// An image of this many GB that a test puts on a host.
pub fn vhdx(gb: u64) -> Vec<u8> {
    let blocks = BTreeMap::from([("system".to_owned(), "installed".to_owned())]);
    let identity = "11111111-2222-4333-8444-555555555555".to_owned();
    Disk { kind: "Dynamic".into(), size: gb << 30, parent: None, parent_identity: None, identity, blocks }.bytes()
}
