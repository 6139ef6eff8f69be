//! The one road a task takes, and the only caller of state changes.
//!
//! Flow: read, prerequisites, claim, acknowledge, locks, the verb's steps, settle. Every span, log line, metric, deadline,
//! retry, lock and panic guard of a task is here, once; a verb has none of that.
//!
//! Guarantees: every write of an attempt carries its fence; an attempt that was superseded, has lost a lock or its lease
//! stops at the next step boundary; a task that cannot run now waits with a reason.
//!
//! Assumptions: steps are repeatable ([`steps`]); the API reckons leases by its own clock.

pub mod context;
pub mod driver;
pub mod steps;

mod attempt;
mod notify;
mod report;
mod runner;
mod settle;

pub mod phantom;

pub use attempt::{Boundary, Execute, Hook, Prerequisites, Side, Work, attempt};
pub use context::Context;
pub use driver::{Driver, Entry, Outbox, Prerequisite};
pub use steps::{Acted, Look, Looked, Step, Steps};
