//! The clock that leases are reckoned by: the machine's monotonic one, or one that a test moves by hand.

use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Time since an arbitrary start; it never goes back, whatever is done to the wall clock.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Monotonic { start: Instant },
    Manual(watch::Receiver<Duration>),
}

/// Moves a [`Clock::manual`].
#[derive(Clone, Debug)]
pub struct Hand(watch::Sender<Duration>);

impl Default for Clock {
    fn default() -> Self {
        Self(Kind::Monotonic { start: Instant::now() })
    }
}

impl Clock {
    /// A clock that stands still until its hand is moved.
    pub fn manual() -> (Self, Hand) {
        let (hand, clock) = watch::channel(Duration::ZERO);
        (Self(Kind::Manual(clock)), Hand(hand))
    }

    pub fn now(&self) -> Duration {
        match &self.0 {
            Kind::Monotonic { start } => start.elapsed(),
            Kind::Manual(clock) => *clock.borrow(),
        }
    }

    /// Ends at once when the moment has passed.
    pub async fn wait_until(&self, moment: Duration) {
        match &self.0 {
            Kind::Monotonic { start } => tokio::time::sleep_until(*start + moment).await,
            Kind::Manual(clock) => {
                if clock.clone().wait_for(|now| *now >= moment).await.is_err() {
                    // The hand is gone: this clock stands still for ever.
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}

impl Hand {
    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now += by);
    }

    /// Back too, as a clock that is broken may go.
    pub fn set(&self, now: Duration) {
        self.0.send_replace(now);
    }
}
