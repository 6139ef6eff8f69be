//! The steps of the verbs: each looks, acts, and looks again.

pub mod kind;
pub mod remove;
pub mod rest;
pub mod revert;
pub mod take;

use std::time::Duration;

/// The guest puts its data in order first, or its memory is written to its disk.
const LONG: Duration = Duration::from_secs(1800);
