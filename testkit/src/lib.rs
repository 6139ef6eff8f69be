//! What the tests stand on: the whole fleet in one process, fakes that keep state and refuse what they do not know, real
//! backends on loopback, and a receiver of traces.

pub mod collector;
pub mod eventually;
pub mod fakes;
pub mod fleet;
mod locks;
pub mod real;
pub mod roles;

pub use eventually::eventually;
pub use fleet::{Fleet, LIMIT};
pub use roles::Roles;
