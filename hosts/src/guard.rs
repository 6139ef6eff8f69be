//! Fences at the host: what acts is done under the locks that are held, and the host itself checks that nobody has been
//! granted one of them since.
//!
//! Flow: for each lock, in the global order, the host takes the lock's file for itself (waiting for a command that still
//! runs under it), compares the fence with the highest it has seen, keeps a higher one, and only then runs the command,
//! the files in hand until it has ended.
//!
//! Guarantees: a command with a smaller fence does nothing, however late it comes. Two commands of one lock do not overlap
//! unless both share it, also when the worker of the first has died. What was seen survives a crash of the host.
//!
//! Assumptions: the folder is on a disk of the host's own. A command that the kernel cannot kill, such as one that waits
//! for a dead disk, is not waited for.
//!
//! Errors: [`HostError::Fenced`]; waiting is part of a command's deadline.

mod memory;
mod script;

use crate::host::{Effect, Host, HostError, Invocation, Output};
use model::lock::{LockName, Mode};
use model::{Fence, names};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

pub use memory::Memory;
pub(crate) use script::{Wrapped, prune};

/// How a lock is held, and the number it was granted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    pub mode: Mode,
    pub fence: Fence,
}

/// The locks that something is done under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fences {
    /// Where the host keeps what it has seen.
    folder: String,
    holds: BTreeMap<LockName, Hold>,
}

/// For what is nobody's: a look, a machine's own check.
pub(crate) static NONE: Fences = Fences { folder: String::new(), holds: BTreeMap::new() };

impl Fences {
    /// No lock yet; `storage` is the server's.
    pub fn new(storage: &str) -> Self {
        Self { folder: names::fence_folder(storage), holds: BTreeMap::new() }
    }

    /// These and one more.
    #[must_use]
    pub fn with(mut self, lock: LockName, mode: Mode, fence: Fence) -> Self {
        self.holds.insert(lock, Hold { mode, fence });
        self
    }

    pub fn is_empty(&self) -> bool {
        self.holds.is_empty()
    }

    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// In the global order.
    pub fn iter(&self) -> impl Iterator<Item = (&LockName, Hold)> {
        self.holds.iter().map(|(lock, hold)| (lock, *hold))
    }
}

/// A host on which nothing acts but under locks.
pub struct Guarded {
    host: Arc<dyn Host>,
    fences: Mutex<Fences>,
}

impl Guarded {
    pub fn new(host: Arc<dyn Host>, storage: &str) -> Self {
        Self { host, fences: Mutex::new(Fences::new(storage)) }
    }

    pub fn name(&self) -> &str {
        self.host.name()
    }

    /// What acts now is done under these.
    pub fn fences(&self) -> Fences {
        self.fences.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn hold(&self, fences: Fences) {
        *self.fences.lock().unwrap_or_else(PoisonError::into_inner) = fences;
    }

    pub async fn run(&self, command: &Invocation) -> Result<Output, HostError> {
        match command.effect {
            // What an attempt before this one began may still run where that cannot be stopped: the look waits for it.
            Effect::Looks => self.host.run_under(&self.fences(), command).await,
            Effect::Acts => self.host.run_under(&self.held(&command.line())?, command).await,
        }
    }

    pub async fn put(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), HostError> {
        self.host.put_under(&self.held(&format!("write {path}"))?, path, bytes, mode).await
    }

    pub async fn get(&self, path: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.host.get(path).await
    }

    pub async fn remove(&self, path: &str) -> Result<(), HostError> {
        self.host.remove_under(&self.held(&format!("remove {path}"))?, path).await
    }

    fn held(&self, line: &str) -> Result<Fences, HostError> {
        let fences = self.fences();
        if fences.is_empty() {
            return Err(HostError::Unguarded { host: self.name().to_owned(), line: line.to_owned() });
        }
        Ok(fences)
    }
}
