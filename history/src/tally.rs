//! What clients have counted.

use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Ended one way or the other: granted, not in time, or cancelled.
    pub acquires: u64,
    pub releases: u64,
    pub granted: u64,
    pub not_in_time: u64,
    /// Left while waiting.
    pub cancelled: u64,
    /// The service did not answer; not among the acquires.
    pub unanswered: u64,
    pub re_entries: u64,
    /// Sections that ended early because the client learned that it had lost its locks.
    pub lost: u64,
}

impl Tally {
    /// What the service was asked for, and gave or refused.
    pub fn operations(&self) -> u64 {
        self.acquires + self.releases
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.acquires += other.acquires;
        self.releases += other.releases;
        self.granted += other.granted;
        self.not_in_time += other.not_in_time;
        self.cancelled += other.cancelled;
        self.unanswered += other.unanswered;
        self.re_entries += other.re_entries;
        self.lost += other.lost;
    }
}
