//! The IaaS API as its callers see it: wire types shared by server, dispatcher, worker and command line, and the client.
//!
//! Invariant: this crate knows HTTP and JSON, and neither SQL nor a broker nor a hypervisor.

pub mod fleet;
pub mod problem;
pub mod tenant;

pub mod client;
mod http;

pub use client::Client;
pub use problem::{Failure, Problem};
