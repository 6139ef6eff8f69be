//! A Hyper-V host that is not there: a model of VMs, disks, checkpoints, switches and files that is kept in a folder and asked
//! as the agent on a Windows host would be. It has never been compared with a real one: what it assumes is in `RULES.md`.
//!
//! Guarantees: a request that is not as documented, or not simulated, is refused, and the test fails, whatever the driver
//! makes of the refusal.

mod adapter;
mod agent;
mod args;
mod disk;
mod drive;
mod export;
mod faults;
mod files;
mod hardware;
mod host;
mod jobs;
mod left;
mod locks;
mod object;
mod paths;
mod pipeline;
mod power;
mod snapshot;
mod sshd;
mod state;
mod syntax;
mod table;
mod vhd;
mod vm;
mod world;
mod wrong;

pub use agent::{CLIXML, End, serve};
pub use disk::vhdx;
pub use faults::{ACTS, ANY, Fault, Process, Side, What};
pub use host::{Hyperv, sha256};
pub use sshd::Sshd;
pub use state::{Guests, Pace, Power};

/// As when a request is refused, for what comes before any request.
pub fn was_refused(folder: &std::path::Path, what: &str) {
    world::World::open(folder, 0).refused(what);
}
