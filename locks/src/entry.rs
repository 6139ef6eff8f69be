//! What the table is told: each entry of the journal. The same entries in the same order make the same table, in every
//! service process and after every restart.

use crate::wire::{Hold, Owner};
use model::Fence;
use model::lock::{LockName, Mode};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Something that was said, and when by the journal's time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// Since an arbitrary start; never less than the entry before.
    #[serde(with = "micros")]
    pub at: Duration,
    pub said: Said,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// A service process begins to serve. If it is alone, nobody could renew before it did: every lease starts anew. Fences
    /// go on above this one, should the journal be an old copy.
    Opened {
        fence: Fence,
        alone: bool,
    },
    Acquire(Ask),
    Renew {
        owner: Owner,
        request: String,
        held: Vec<Hold>,
    },
    Release {
        owner: Owner,
        request: String,
    },
    /// The connection that waited has closed, or waited long enough; nothing when the client has come back on another.
    Leave {
        owner: Owner,
        request: String,
        visit: u64,
    },
    Break {
        name: LockName,
    },
    /// Time alone: what has run out ends.
    Passed,
}

/// A request for all of `wants`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ask {
    pub owner: Owner,
    /// The client's name for the request.
    pub request: String,
    pub wants: Vec<Want>,
    #[serde(with = "micros")]
    pub lease: Duration,
    /// How much longer than its client knows the lease is, where the clocks of several processes may differ.
    #[serde(with = "micros")]
    pub grace: Duration,
    /// The connection that waits for the answer: no two have the same.
    pub visit: u64,
}

/// A lock, and how it is wanted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Want {
    pub name: LockName,
    #[serde(default)]
    pub mode: Mode,
}

impl Want {
    pub fn shared(name: LockName) -> Self {
        Self { name, mode: Mode::Shared }
    }
}

/// Exclusive.
impl From<LockName> for Want {
    fn from(name: LockName) -> Self {
        Self { name, mode: Mode::Exclusive }
    }
}

pub(crate) mod micros {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    pub fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        u64::try_from(time.as_micros()).unwrap_or(u64::MAX).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_micros)
    }
}
