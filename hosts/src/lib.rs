//! Reaching a host: run an argument list, put a file, get a file. No shell string crosses it, and no secret is ever in
//! an argument list; what is secret goes over stdin or in a file.
//!
//! Invariant: this crate alone starts processes. It knows no program by name.

pub mod failure;
pub mod guard;
pub mod host;
pub mod local;
pub mod phantom;
pub mod powershell;
pub mod ssh;

mod files;
mod mark;
mod nowhere;
mod process;
mod runner;

use ssh::{Ssh, SshOptions};
use std::sync::Arc;

/// The host that a server's record names: `local`, or `user@address[:port]`. An address that cannot be read gives a host
/// that says so whenever it is used.
pub fn open(name: &str, address: &str, options: &SshOptions) -> Arc<dyn Host> {
    if address == "local" {
        return Arc::new(local::Local::new(name));
    }
    match address.parse() {
        Ok(address) => Arc::new(Ssh::new(name, address, options.clone())),
        Err(reason) => Arc::new(nowhere::Nowhere { name: name.to_owned(), reason }),
    }
}

/// A Windows host: `user@address[:port]`, by OpenSSH.
pub fn open_windows(name: &str, address: &str, options: &SshOptions) -> Arc<dyn Host> {
    match address.parse() {
        Ok(address) => Arc::new(powershell::PowerShell::new(name, address, options.clone())),
        Err(reason) => Arc::new(nowhere::Nowhere { name: name.to_owned(), reason }),
    }
}

pub use guard::{Fences, Guarded};
pub use host::{Command, Effect, Host, HostError, Invocation, Output};
pub use runner::Runner;
