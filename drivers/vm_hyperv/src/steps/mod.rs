//! The steps that the verbs share: each looks, acts, and looks again.

pub mod checkpoints;
pub mod define;
pub mod disk;
pub mod drive;
pub mod first;
pub mod image;
pub mod nic;
pub mod remove;
pub mod restore;
