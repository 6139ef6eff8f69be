//! How many attempts run at once: on one host, and of one driver.

use model::Kind;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A limit that can be moved while it is in use.
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    limit: Mutex<usize>,
}

impl Slots {
    pub fn new(limit: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(limit)), limit: Mutex::new(limit) }
    }

    /// A smaller limit takes effect as slots come free.
    pub fn resize(&self, limit: usize) {
        let mut current = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        if limit > *current {
            self.free.add_permits(limit - *current);
            *current = limit;
        } else {
            *current -= self.free.forget_permits(*current - limit);
        }
    }

    /// None once the slots are closed, which they never are.
    pub async fn take(&self) -> Option<OwnedSemaphorePermit> {
        self.free.clone().acquire_owned().await.ok()
    }
}

/// One limit a driver.
pub(crate) struct DriverSlots(HashMap<Kind, Slots>);

impl DriverSlots {
    pub fn new(limit: usize) -> Self {
        Self(crate::drivers::ALL.iter().map(|driver| (driver.kind, Slots::new(limit))).collect())
    }

    pub fn resize(&self, limit: usize) {
        self.0.values().for_each(|slots| slots.resize(limit));
    }

    /// None for a kind that has no driver here.
    pub async fn take(&self, kind: Kind) -> Option<OwnedSemaphorePermit> {
        self.0.get(&kind)?.take().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_limit_moves_while_slots_are_taken() {
        let slots = Slots::new(2);
        let first = slots.take().await.unwrap();
        let second = slots.take().await.unwrap();
        slots.resize(1);
        drop(first);
        slots.resize(1);
        assert_eq!(slots.free.available_permits(), 0);
        drop(second);
        assert_eq!(slots.free.available_permits(), 1);
        slots.resize(3);
        assert_eq!(slots.free.available_permits(), 3);
    }
}
