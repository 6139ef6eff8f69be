//! The lock service and its client: use of a piece of hardware alone, or shared, by lease, with a fence number that rises.
//!
//! Flow: a client asks for locks by name and holds the line open; [`server`] hands what was said to the writer, who waits
//! for the process's turn ([`peterson`]), adds it to the [`ledger`], and applies it to the [`table`]; whoever is granted its
//! locks is told, with a fence, once that is on disk; the client renews in the background until it releases.
//!
//! Guarantees: a lock has one owner at a time, or several that share it, as reckoned by the service's clock alone. First
//! come, first served, over all processes on the same registers: the line's order is the ledger's. Fences rise, over
//! restarts too, and holders and waiters keep their places. Nothing is kept for a lock that nobody wants.
//!
//! Assumptions: a lease alone does not stop a holder that was paused past it. Its fence does, where it is checked: at
//! the host.
//!
//! Errors: [`errors::locks`], and [`errors::driver::LOCK_UNAVAILABLE`] from the client when the service is away.

pub mod client;
pub mod clock;
pub mod desk;
pub mod entry;
pub mod ledger;
pub mod peterson;
pub mod registers;
pub mod server;
pub mod table;
pub mod wire;

mod access;
mod held;
mod line;
mod pace;
mod problem;
mod routes;
mod writer;

pub use access::Access;
pub use client::Client;
pub use clock::Clock;
pub use entry::Want;
pub use held::{Held, Sign};
pub use ledger::Place;
pub use routes::router;
pub use server::{Locks, service};
pub use wire::Owner;
