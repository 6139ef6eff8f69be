//! Requests to the agent on a Windows host, as data: cmdlets with parameters, filters, and the properties that are wanted
//! back. No PowerShell is ever made of them.
//!
//! Invariant: no I/O; a request that the contract does not know is refused before it is sent.

pub mod contract;

mod reply;
mod request;

pub use contract::{Violation, check};
pub use reply::{Hello, Own, Problem, Reply, Row};
pub use request::{HELLO, Held, ITSELF, Request, Share, Step};
