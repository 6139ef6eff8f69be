//! What goes over HTTP between the lock service and its clients.

use model::lock::{LockName, Mode};
use model::{Fence, TaskId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Seconds.
pub const DEFAULT_LEASE_SECS: u64 = 15;
pub const MAX_LEASE_SECS: u64 = 300;
pub const MAX_WAIT_SECS: u64 = 600;
/// How many locks one request may name.
pub const MAX_NAMES: usize = 64;
/// How long a request's id may be, in bytes.
pub const MAX_REQUEST_ID: usize = 64;
/// How long a worker's, a host's or a step's name may be, in bytes.
pub const MAX_WORD: usize = 256;

/// Who asks. Task and attempt are the identity: a second request of the same two is granted what the first holds, with
/// the same fence. The rest is for the operator who looks at the list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// Below zero for an errand: its number.
    pub task: TaskId,
    pub attempt: u32,
    /// The worker's name.
    pub worker: String,
    /// The host it works on.
    pub host: String,
    /// The step that it was in when it last spoke; empty before the first.
    #[serde(default)]
    pub step: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.task.0 < 0 {
            return write!(f, "errand {} attempt {} of worker {}", -self.task.0, self.attempt, self.worker);
        }
        write!(f, "task {} attempt {} of worker {}", self.task, self.attempt, self.worker)
    }
}

/// `POST /v1/locks/acquire`, answered by [`Acquired`], or with 202 by [`Waits`]: then the same is asked again within half
/// the lease, and keeps its place in the line. Names are text, so that a bad one is answered with its own code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acquire {
    /// Held by nobody else.
    #[serde(default)]
    pub names: Vec<String>,
    /// Held by nobody else but those who ask for them shared, too.
    #[serde(default)]
    pub shared: Vec<String>,
    pub owner: Owner,
    /// Chosen by the client; the same request sent again gets the same answer.
    pub request: String,
    #[serde(default = "default_lease_secs")]
    pub lease_secs: u64,
    /// How long the locks are waited for. An answer, if only that it waits, comes after half the lease at the latest.
    pub wait_secs: u64,
}

fn default_lease_secs() -> u64 {
    DEFAULT_LEASE_SECS
}

/// One lock that the request holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grant {
    pub name: LockName,
    pub mode: Mode,
    pub fence: Fence,
    pub lease_secs: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acquired {
    /// In the order in which they were taken.
    pub grants: Vec<Grant>,
    /// From the arrival of the request to the start of the lease: a client that adds it to the moment of sending, and
    /// the lease to that, never believes in a lease that the service has ended.
    pub waited_ms: u64,
}

/// The request is in line; with 202.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    pub lock: LockName,
    /// One of those who hold it.
    pub holder: Option<Owner>,
}

/// A lock and the fence it was granted with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    pub name: LockName,
    pub fence: Fence,
}

/// `POST /v1/locks/renew`: starts the lease of all of a request's locks anew, or refuses if one of them is not held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renew {
    pub owner: Owner,
    pub request: String,
    pub grants: Vec<Hold>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewed {
    pub lease_secs: u64,
}

/// `POST /v1/locks/release`: gives back what the request holds, and takes it out of the line where it waits. A request
/// that is not known is released already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    pub owner: Owner,
    pub request: String,
}

/// `GET /v1/locks`, by name in the global order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locks {
    pub locks: Vec<Lock>,
}

/// `GET /v1/locks/<name>`: a lock that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    pub name: LockName,
    pub mode: Mode,
    /// Those who share a lock share its fence.
    pub fence: Fence,
    /// One, or several in shared mode.
    pub holders: Vec<Holder>,
    /// In the order in which they will be granted.
    pub waiters: Vec<Waiter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub owner: Owner,
    /// Since the grant.
    pub age_secs: u64,
    /// Rounded up.
    pub lease_left_secs: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiter {
    pub owner: Owner,
    pub mode: Mode,
    pub waits_secs: u64,
}
