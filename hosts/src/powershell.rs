//! A Windows host, by one constant script that is told as data what to do.
//!
//! Flow: OpenSSH starts PowerShell with a command line that is always the same; it reads the agent from the first line of
//! stdin, and the agent reads requests, one a line: cmdlets, their parameters, filters, and the properties that are wanted
//! back. It answers each with one line. An attempt keeps its session; a look outside of one shares a session of its own.
//!
//! Guarantees: no PowerShell is ever made of data, and nothing that varies stands in a command line. A request that the
//! contract does not know is not sent. Success is the agent's own answer to this very request, never an exit status. What
//! acts is done while the files of the locks that are held are open on the host, and a smaller fence than one that was seen
//! there does nothing. A caller that goes away ends the session, and with it the agent, as soon as what runs has ended.
//!
//! Assumptions: the host has sshd, Windows PowerShell 5.1 and the module Hyper-V. What runs when a connection is lost may
//! run on to its end: the next one that holds its locks waits for it.
//!
//! Errors: [`HostError::Lost`] when there was no answer: whether it was done is not known. Look again.

mod clixml;
mod dial;
mod files;
mod kept;
mod line;
mod session;

use crate::guard::Fences;
use crate::host::{Effect, Host, HostError, Invocation, Output};
use crate::ssh::{SshAddress, SshOptions};
use dial::SshDial;
use futures::future::BoxFuture;
use kept::Kept;
use std::sync::Arc;
use std::time::Duration;

pub use dial::Dial;
pub use line::{AGENT, COMMAND, STAGE0};
pub use session::{Ending, Pipes};

pub struct PowerShell {
    dial: Arc<dyn Dial>,
    /// For looks that belong to no attempt.
    looks: Kept,
}

impl PowerShell {
    pub fn new(name: &str, address: SshAddress, options: SshOptions) -> Self {
        Self::over(name, Arc::new(SshDial { name: name.to_owned(), address, options }))
    }

    /// By another way than OpenSSH.
    pub fn over(name: &str, dial: Arc<dyn Dial>) -> Self {
        Self { looks: Kept::new(name, dial.clone()), dial }
    }

    fn kept(&self) -> Kept {
        Kept::new(self.name(), self.dial.clone())
    }
}

impl Host for PowerShell {
    fn name(&self) -> &str {
        self.looks.name()
    }

    fn session(&self) -> Option<Arc<dyn Host>> {
        Some(Arc::new(self.kept()))
    }

    fn run_under<'a>(
        &'a self,
        fences: &'a Fences,
        command: &'a Invocation,
    ) -> BoxFuture<'a, Result<Output, HostError>> {
        Box::pin(async move {
            // Behind a long one, a report would come too late.
            if command.effect == Effect::Acts || !self.looks.is_idle() {
                return self.kept().run_under(fences, command).await;
            }
            match self.looks.run_under(fences, command).await {
                // The host may have been away since the last look.
                Err(HostError::Lost { .. }) => self.looks.run_under(fences, command).await,
                result => result,
            }
        })
    }

    fn put_under<'a>(
        &'a self,
        fences: &'a Fences,
        path: &'a str,
        bytes: &'a [u8],
        mode: u32,
    ) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move { self.kept().put_under(fences, path, bytes, mode).await })
    }

    fn get<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, HostError>> {
        Box::pin(async move { self.kept().get(path).await })
    }

    fn remove_under<'a>(&'a self, fences: &'a Fences, path: &'a str) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move { self.kept().remove_under(fences, path).await })
    }

    fn prune<'a>(&'a self, folder: &'a str, untouched: Duration) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move { self.kept().prune(folder, untouched).await })
    }
}

#[cfg(test)]
mod tests;
