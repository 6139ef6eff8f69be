//! The host: it keeps the highest fence it has seen of each lock, and sees who acts.

use model::Fence;
use model::fence::Seen;
use model::lock::{LockName, Mode};
use std::collections::BTreeMap;

/// One client's hold of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hold {
    pub client: usize,
    pub mode: Mode,
    pub fence: Fence,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Guard {
    seen: BTreeMap<LockName, Seen>,
    /// The holds that acted on each lock, in the order of their first acts.
    acted: BTreeMap<LockName, Vec<Hold>>,
    /// Somebody acted after another who had begun after it; those who share do not count.
    pub overlapped: bool,
    /// One fence, two clients that each believed to be alone.
    pub doubled: bool,
}

impl Guard {
    /// Whether the act was let through. Without the check every one is.
    pub fn act(&mut self, lock: &LockName, hold: Hold, checks: bool) -> bool {
        let seen = self.seen.entry(lock.clone()).or_default();
        match seen.admit(hold.mode, hold.fence) {
            Ok(now) => *seen = now,
            Err(_) if checks => return false,
            Err(_) => {}
        }
        let shares = |other: &Hold| (other.mode, hold.mode) == (Mode::Shared, Mode::Shared);
        let acted = self.acted.entry(lock.clone()).or_default();
        self.doubled |=
            acted.iter().any(|other| other.fence == hold.fence && other.client != hold.client && !shares(other));
        match acted.iter().position(|other| *other == hold) {
            Some(place) => self.overlapped |= !acted[place + 1..].iter().all(shares),
            None => acted.push(hold),
        }
        true
    }
}
