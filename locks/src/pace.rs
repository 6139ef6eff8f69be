//! The journal's time: it goes on with each entry, and in between by this process's own clock.

use crate::clock::Clock;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Clones share it. What others have reached is seen after they reached it, so that this process may be late, never early;
/// by how much, [`crate::ledger::Ledger::grace`] says, and leases are longer by that. While nobody serves, the time stands
/// still.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    clock: Clock,
    from: Arc<Mutex<From>>,
}

/// The journal's time when the clock showed what it did.
#[derive(Clone, Copy, Debug)]
struct From {
    time: Duration,
    clock: Duration,
}

impl Pace {
    pub fn new(clock: Clock) -> Self {
        let from = From { time: Duration::ZERO, clock: clock.now() };
        Self { clock, from: Arc::new(Mutex::new(from)) }
    }

    /// In whole microseconds, as entries are kept: what is reckoned with now is read again after a restart.
    pub fn now(&self) -> Duration {
        let from = self.from();
        let passed = self.clock.now().saturating_sub(from.clock);
        Duration::from_micros((from.time + passed).as_micros() as u64)
    }

    /// Somebody has reached that time.
    pub fn saw(&self, time: Duration) {
        if time > self.now() {
            *self.from.lock().unwrap_or_else(PoisonError::into_inner) = From { time, clock: self.clock.now() };
        }
    }

    /// Until a moment of the journal's time, as far as it is known now.
    pub async fn wait_until(&self, moment: Option<Duration>) {
        let Some(moment) = moment else { return std::future::pending().await };
        let from = self.from();
        self.clock.wait_until(from.clock + moment.saturating_sub(from.time)).await;
    }

    fn from(&self) -> From {
        *self.from.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
