//! Models of the lock service, explored to their ends: every order in which what may happen can happen.
//!
//! The transitions are the service's own: [`locks::desk::Desk`] over [`locks::table::Table`], and
//! [`locks::peterson::Contender`]. What is modelled around them is the world: messages that are late or lost, processes and
//! clients that stop and die, time, and the host.

mod act;
mod checks;
mod guard;
mod requestors;
mod service;
mod world;
