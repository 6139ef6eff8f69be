//! The API over HTTP, on a SQLite file: who may, what is refused and how, and what a client can rely on.

mod changes;
mod creates;
mod reads;
mod rig;
mod roles;
