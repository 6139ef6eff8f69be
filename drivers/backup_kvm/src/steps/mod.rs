//! The steps of both verbs: each looks, acts, and looks again.

pub mod begin;
pub mod copy;
pub mod desk;
pub mod marked;
pub mod pack;
pub mod publish;
pub mod remove;
pub mod seal;
pub mod undo;
