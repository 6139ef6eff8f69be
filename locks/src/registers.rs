//! The shared registers of the turn: read and written one at a time, which is all that the algorithm needs.

use crate::peterson::{Flag, Mark, Place};
use std::collections::BTreeMap;

/// Assumptions: a read gives the value of the newest write that ended before it began, or of one going on at that
/// moment. A register that was never written, or was lowered, reads as none and takes no room.
pub trait Registers {
    fn read(&self, place: Place) -> Mark;
    fn write(&mut self, place: Place, mark: Mark);
}

/// Registers in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Memory(pub(crate) BTreeMap<Place, Flag>);

impl Registers for Memory {
    fn read(&self, place: Place) -> Mark {
        self.0.get(&place).copied()
    }

    fn write(&mut self, place: Place, mark: Mark) {
        match mark {
            Some(flag) => self.0.insert(place, flag),
            None => self.0.remove(&place),
        };
    }
}
