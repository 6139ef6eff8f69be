//! The host that is surveyed, and what is said of it when something goes wrong.

use errors::Fault;
use hosts::failure::of_host;
use hosts::{Command, Fences, Guarded, Host, HostError, Runner};
use model::ServerType;
use model::errand::Found;
use model::server::{HostSettings, Server, ServerSpec};
use std::sync::Arc;
use tokio::sync::watch;
use tracing::{Instrument, info_span};

pub struct Site {
    host: Guarded,
    pub settings: HostSettings,
    pub server_type: ServerType,
    pub region: String,
    note: watch::Sender<Option<String>>,
}

impl Site {
    /// Only looks, until it is given fences to act under.
    pub fn new(host: Arc<dyn Host>, server: &Server) -> Self {
        let ServerSpec { settings, server_type, region, .. } = server.spec.clone();
        let host = Guarded::new(host.session().unwrap_or(host), &settings.storage);
        Self { host, settings, server_type, region, note: watch::Sender::default() }
    }

    /// What is said of how far it is.
    pub fn notes(&self) -> watch::Receiver<Option<String>> {
        self.note.subscribe()
    }

    pub fn hold(&self, fences: Fences) {
        self.host.hold(fences);
    }

    pub fn name(&self) -> &str {
        self.host.name()
    }

    pub async fn run<T>(&self, command: Command<T>) -> Result<T, Fault> {
        let Command { invocation, read } = command;
        let span = info_span!(
            "command",
            otel.name = %format!("command {}", invocation.program()),
            otel.kind = "client",
            server.address = self.name(),
            process.command_line = %invocation.line(),
        );
        let output = self.host.run(&invocation).instrument(span).await.map_err(of_host)?;
        read(&output).map_err(|reason| {
            of_host(HostError::Nonsense {
                host: self.name().to_owned(),
                program: invocation.program().to_owned(),
                line: invocation.line(),
                reason,
            })
        })
    }

    pub async fn put(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), Fault> {
        self.host.put(path, bytes, mode).await.map_err(of_host)
    }

    pub async fn get(&self, path: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.host.get(path).await.map_err(of_host)
    }

    /// A file or an empty folder; what is absent is removed already.
    pub async fn remove(&self, path: &str) -> Result<(), Fault> {
        self.host.remove(path).await.map_err(of_host)
    }

    /// Whether something is still to be moved: from where it is, to where nothing is.
    pub fn is_to_move(&self, found: &Found, is_there: (bool, bool), to: &str) -> Result<bool, Fault> {
        match is_there {
            (true, false) => Ok(true),
            (false, true) => Ok(false),
            (false, false) => Err(self.gone(found)),
            (true, true) => Err(self.taken(found, to)),
        }
    }

    fn fault(&self, entry: &'static errors::Entry, found: &Found) -> Fault {
        Fault::new(entry).hole("found", found).hole("host", self.name())
    }

    pub fn gone(&self, found: &Found) -> Fault {
        self.fault(&errors::errand::FOUND_GONE, found)
    }

    pub fn foreign(&self, found: &Found) -> Fault {
        self.fault(&errors::errand::FOUND_FOREIGN, found)
    }

    pub fn in_place(&self, found: &Found) -> Fault {
        self.fault(&errors::errand::FOUND_IN_PLACE, found)
    }

    pub fn in_use(&self, found: &Found, users: &str) -> Fault {
        self.fault(&errors::errand::FOUND_IN_USE, found).hole("users", users)
    }

    pub fn taken(&self, found: &Found, path: &str) -> Fault {
        self.fault(&errors::errand::PLACE_TAKEN, found).hole("path", path)
    }
}

impl Runner for Site {
    fn host(&self) -> &str {
        self.name()
    }

    fn settings(&self) -> &HostSettings {
        &self.settings
    }

    async fn run<T: Default + Send>(&self, command: Command<T>) -> Result<T, Fault> {
        Self::run(self, command).await
    }

    /// An errand that is to stop is dropped, and its process with it.
    async fn run_long<T: Default + Send>(&self, command: Command<T>) -> Result<T, Fault> {
        Self::run(self, command).await
    }

    fn note(&self, note: String) {
        self.note.send_replace(Some(note));
    }
}
