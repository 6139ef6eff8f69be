//! A context as one of those who run commands on a host.

use crate::context::Context;
use errors::Fault;
use hosts::{Command, Runner};
use model::server::HostSettings;

impl Runner for Context {
    fn host(&self) -> &str {
        Self::host(self)
    }

    fn settings(&self) -> &HostSettings {
        &self.settings
    }

    async fn run<T: Default + Send>(&self, command: Command<T>) -> Result<T, Fault> {
        Self::run(self, command).await
    }

    async fn run_long<T: Default + Send>(&self, command: Command<T>) -> Result<T, Fault> {
        Self::run_long(self, command).await
    }

    fn note(&self, note: String) {
        Self::note(self, note);
    }
}
