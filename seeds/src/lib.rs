//! A guest's first settings: the texts that it reads when it starts for the first time, and a disc to read them from.
//!
//! Invariant: the same VM has the same bytes; no clock, no chance.

pub mod disc;
pub mod nocloud;
pub mod unattend;

#[cfg(test)]
mod sample;
