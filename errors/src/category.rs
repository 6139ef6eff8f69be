//! What kind of failure an entry is. The category, and nothing else, decides the HTTP status, whether the lifecycle
//! tries again, and the exit code of the command line.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// The request itself is wrong; the same request will never work.
    InvalidInput,
    Unauthenticated,
    Forbidden,
    NotFound,
    /// The request is right, the state of the resource is not.
    Conflict,
    /// Somebody else is at work there now.
    Locked,
    /// `If-Match` did not match, or a superseded attempt tried to write.
    PreconditionFailed,
    /// `If-Match` or another required header is missing.
    PreconditionRequired,
    /// Nothing fits the wish: cores, memory, disk, labels.
    NoCapacity,
    /// A service that drover needs (API, broker, lock service, database) does not answer now.
    Unavailable,
    /// The hypervisor could not be reached.
    HostUnreachable,
    /// The hypervisor was reached and the command said no.
    HostRefused,
    /// The command said yes, and its answer made no sense.
    BadAnswer,
    Deadline,
    Cancelled,
    Internal,
}

/// Whether the lifecycle tries a failed attempt again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Never: the resource becomes unresourced with this fault.
    Never,
    /// The fault is outside the resource and ends by itself: the task waits, with the fault as its reason, and is tried
    /// again without counting against its attempts.
    WhenItEnds,
    /// Again after a growing pause, at most [`Category::MAX_TRIES`] times in all.
    Backoff,
}

/// What one category means everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub http_status: u16,
    pub retry: Retry,
    pub exit_code: u8,
}

impl Category {
    /// How often one task is tried, first try included, when its faults say [`Retry::Backoff`].
    pub const MAX_TRIES: u32 = 3;

    pub const fn policy(self) -> Policy {
        use Category::*;
        let (http_status, retry, exit_code) = match self {
            InvalidInput => (422, Retry::Never, 2),
            Unauthenticated => (401, Retry::Never, 1),
            Forbidden => (403, Retry::Never, 1),
            NotFound => (404, Retry::Never, 3),
            Conflict => (409, Retry::Never, 4),
            Locked => (423, Retry::WhenItEnds, 4),
            PreconditionFailed => (412, Retry::Never, 4),
            PreconditionRequired => (428, Retry::Never, 2),
            NoCapacity => (409, Retry::Never, 4),
            Unavailable => (503, Retry::WhenItEnds, 1),
            HostUnreachable => (502, Retry::WhenItEnds, 1),
            HostRefused => (502, Retry::Never, 1),
            BadAnswer => (502, Retry::Never, 1),
            Deadline => (504, Retry::Backoff, 5),
            Cancelled => (409, Retry::Never, 1),
            Internal => (500, Retry::Backoff, 1),
        };
        Policy { http_status, retry, exit_code }
    }

    /// The standard term, as it stands in problem documents and on the reference page.
    pub const fn title(self) -> &'static str {
        use Category::*;
        match self {
            InvalidInput => "invalid input",
            Unauthenticated => "unauthenticated",
            Forbidden => "forbidden",
            NotFound => "not found",
            Conflict => "conflict",
            Locked => "locked",
            PreconditionFailed => "precondition failed",
            PreconditionRequired => "precondition required",
            NoCapacity => "no capacity",
            Unavailable => "unavailable",
            HostUnreachable => "host unreachable",
            HostRefused => "host refused",
            BadAnswer => "bad answer",
            Deadline => "deadline exceeded",
            Cancelled => "cancelled",
            Internal => "internal error",
        }
    }
}
