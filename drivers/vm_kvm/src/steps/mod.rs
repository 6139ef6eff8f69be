//! The steps that the verbs share: each looks, acts, and looks again.

pub mod define;
pub mod disk;
pub mod folder;
pub mod image;
pub mod remove;
pub mod restore;
pub mod seed;
