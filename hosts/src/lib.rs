//! Reaching a host: run an argument list, put a file, get a file. No shell string crosses it, and no secret is ever in
//! an argument list; what is secret goes over stdin or in a file.
//!
//! Invariant: this crate alone starts processes. It knows no program by name.

pub mod host;
pub mod local;
pub mod phantom;
pub mod ssh;

pub use host::{Command, Effect, Host, HostError, Invocation, Output};
