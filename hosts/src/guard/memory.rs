//! What a host in memory has seen: the same rule, for hosts that have no files.

use super::Fences;
use crate::host::HostError;
use model::fence::Seen;
use model::names;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// By the paths that the files would have.
#[derive(Debug, Default)]
pub struct Memory(BTreeMap<String, (Seen, Instant)>);

impl Memory {
    /// To be asked in one go with what is then done.
    pub fn admit(&mut self, host: &str, fences: &Fences) -> Result<(), HostError> {
        for (lock, hold) in fences.iter() {
            let file = format!("{}/{}", fences.folder(), names::fence_file(lock));
            let seen = self.0.get(&file).map(|(seen, _)| *seen).unwrap_or_default();
            let now = seen.admit(hold.mode, hold.fence).map_err(|seen| HostError::Fenced {
                host: host.to_owned(),
                lock: lock.clone(),
                seen,
                fence: hold.fence,
            })?;
            if now != seen {
                self.0.insert(file, (now, Instant::now()));
            }
        }
        Ok(())
    }

    /// Forgets what has not changed for this long.
    pub fn prune(&mut self, folder: &str, untouched: Duration) {
        let inside = format!("{folder}/");
        self.0.retain(|file, (_, touched)| !file.starts_with(&inside) || touched.elapsed() < untouched);
    }
}
