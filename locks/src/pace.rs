//! The journal's time: it goes on with each entry, and in between by this process's own clock.

use crate::clock::Clock;
use std::time::Duration;

/// Reckoned from the newest entry on. An entry of another process is seen after it was written, so that this process may
/// be late, never early: no lease ends before its time. While nobody serves, the time stands still.
#[derive(Debug)]
pub(crate) struct Pace {
    clock: Clock,
    entry: Duration,
    seen: Duration,
}

impl Pace {
    pub fn new(clock: Clock, entry: Duration) -> Self {
        let seen = clock.now();
        Self { clock, entry, seen }
    }

    /// In whole microseconds, as entries are kept: what is reckoned with now is read again after a restart.
    pub fn now(&self) -> Duration {
        let passed = self.clock.now().saturating_sub(self.seen);
        Duration::from_micros((self.entry + passed).as_micros() as u64)
    }

    pub fn saw(&mut self, entry: Duration) {
        if entry > self.now() {
            self.seen = self.clock.now();
            self.entry = entry;
        }
    }

    /// Until a moment of the journal's time.
    pub async fn wait_until(&self, moment: Option<Duration>) {
        match moment {
            Some(moment) => self.clock.wait_until(self.seen + moment.saturating_sub(self.entry)).await,
            None => std::future::pending().await,
        }
    }
}
