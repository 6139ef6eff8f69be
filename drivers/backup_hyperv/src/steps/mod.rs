//! The steps of the verbs: each looks, acts, and looks again.

pub mod export;
pub mod publish;
pub mod remove;
pub mod seal;
