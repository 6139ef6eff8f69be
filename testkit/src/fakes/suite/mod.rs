//! What every host promises, written once and run on each: `files` and `fences` on those that keep files, `commands` and
//! `guard` on those that run the real programs of a Debian machine.

pub mod commands;
pub mod fences;
pub mod files;
pub mod guard;

use hosts::Host;
use std::sync::Arc;
use tempfile::TempDir;

/// A host, and a folder on it that is the test's own.
pub struct Ground {
    pub host: Arc<dyn Host>,
    folder: TempDir,
}

impl Ground {
    /// The host's files are this machine's, or kept in memory.
    pub fn of(host: impl Host + 'static) -> Self {
        Self { host: Arc::new(host), folder: TempDir::new().expect("a folder") }
    }

    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder.path().display())
    }
}

/// A few megabytes in which every byte occurs, and no stretch is like another.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..length).map(step).collect()
}
