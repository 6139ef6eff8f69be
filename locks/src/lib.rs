//! The lock service and its client: exclusive use of a piece of hardware, by lease, with a fence number that rises.
//!
//! Flow: a client asks for locks by name and holds the line open; [`server`] puts the request into the [`table`]; each
//! lock's line sends contenders through [`peterson`] over the shared [`registers`]; who comes out inside is granted the
//! lock with a fence, and its lease starts; the client renews it in the background until it is released.
//!
//! Guarantees: a lock has one owner at a time, as reckoned by the service's clock alone. First come, first served among
//! the requests of one service process; between several, the bound that [`peterson`] states. Fences rise, over restarts
//! too. Nothing is kept for a lock that nobody holds.
//!
//! Assumptions: a lease alone does not stop a holder that was paused past it. Its fence does, where it is checked: at
//! the host. Registers are in memory: a restart of the service forgets the holders, who learn it at their next renewal.
//!
//! Errors: [`errors::locks`], and [`errors::driver::LOCK_UNAVAILABLE`] from the client when the service is away.

pub mod client;
pub mod clock;
pub mod peterson;
pub mod registers;
pub mod server;
pub mod table;
pub mod wire;

mod access;
mod held;
mod line;
mod problem;
mod routes;

pub use access::Access;
pub use client::Client;
pub use clock::Clock;
pub use held::{Held, Sign};
pub use routes::router;
pub use server::{Locks, service};
pub use wire::Owner;
