//! The shared registers: the seam behind which memory, a durable log or a database keeps them.

use crate::peterson::{Flag, Mark, Place};
use model::lock::LockName;
use std::collections::{BTreeMap, HashMap};

/// Registers that are read and written one at a time; that is all the algorithm needs.
///
/// Assumptions: a read gives the value of the newest write that ended before it began, or of one going on at that
/// moment. A register that was never written, or was lowered, reads as none and takes no room.
pub trait Registers {
    fn read(&self, lock: &LockName, place: Place) -> Mark;
    fn write(&mut self, lock: &LockName, place: Place, mark: Mark);
}

/// Registers of one process, gone when it ends.
#[derive(Debug, Default)]
pub struct Memory {
    raised: HashMap<LockName, BTreeMap<Place, Flag>>,
}

impl Memory {
    /// How many locks have a raised flag.
    pub fn locks(&self) -> usize {
        self.raised.len()
    }
}

impl Registers for Memory {
    fn read(&self, lock: &LockName, place: Place) -> Mark {
        self.raised.get(lock)?.get(&place).copied()
    }

    fn write(&mut self, lock: &LockName, place: Place, mark: Mark) {
        match (self.raised.get_mut(lock), mark) {
            (Some(places), Some(flag)) => {
                places.insert(place, flag);
            }
            (Some(places), None) => {
                places.remove(&place);
                if places.is_empty() {
                    self.raised.remove(lock);
                }
            }
            (None, Some(flag)) => {
                self.raised.insert(lock.clone(), BTreeMap::from([(place, flag)]));
            }
            (None, None) => {}
        }
    }
}
