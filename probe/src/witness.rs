//! A host whose every answer is written down.

use crate::record::Exchange;
use cmdlets::{Hello, Request, Row};
use hosts::{Command, Fences, Host, HostError, Invocation};
use model::lock::{LockName, Mode};
use model::{Fence, ResourceId};
use std::sync::{Mutex, PoisonError};

pub struct Witness<'a> {
    host: &'a dyn Host,
    say: &'a (dyn Fn(&str) + Sync),
    seen: Mutex<Vec<Exchange>>,
}

impl<'a> Witness<'a> {
    pub fn new(host: &'a dyn Host, say: &'a (dyn Fn(&str) + Sync)) -> Self {
        Self { host, say, seen: Mutex::default() }
    }

    pub fn exchanges(&self) -> Vec<Exchange> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub async fn hello(&self) -> Result<Hello, HostError> {
        let command = commands::hyperv::host::hello();
        let silent = self.nonsense(&command.invocation, "it says nothing".into());
        self.see("the agent", command).await?.ok_or(silent)
    }

    pub fn name(&self) -> String {
        self.host.name().to_owned()
    }

    /// Under no lock.
    pub async fn see<T>(&self, step: &str, command: Command<T>) -> Result<T, HostError> {
        self.run(step, None, command).await
    }

    /// Under the probe's own lock, whose file is in this folder, with this fence.
    pub async fn under<T>(&self, step: &str, folder: &str, fence: i64, command: Command<T>) -> Result<T, HostError> {
        let lock = LockName::Resource { id: ResourceId(0) };
        let fences = Fences::new(folder).with(lock, Mode::Exclusive, Fence(fence));
        self.run(step, Some(&fences), command).await
    }

    async fn run<T>(&self, step: &str, fences: Option<&Fences>, command: Command<T>) -> Result<T, HostError> {
        (self.say)(step);
        let Command { invocation, read } = command;
        let result = match fences {
            Some(fences) => self.host.run_under(fences, &invocation).await,
            None => self.host.run(&invocation).await,
        };
        let request = invocation.stdin.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if let Ok(request) = serde_json::from_slice::<Request>(request) {
            let rows = result.as_ref().ok().and_then(|output| serde_json::from_slice::<Vec<Row>>(&output.stdout).ok());
            let error = result.as_ref().err().map(ToString::to_string);
            let exchange = Exchange { step: step.to_owned(), request: unread(request), rows: rows.map(masked), error };
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
        }
        read(&result?).map_err(|reason| self.nonsense(&invocation, reason))
    }

    fn nonsense(&self, command: &Invocation, reason: String) -> HostError {
        HostError::Nonsense {
            host: self.host.name().to_owned(),
            program: command.program().to_owned(),
            line: command.line(),
            reason,
        }
    }
}

/// Without what a session adds.
fn unread(request: Request) -> Request {
    Request { id: 0, fences: Vec::new(), ..request }
}

/// What is in a file is nobody's business.
fn masked(rows: Vec<Row>) -> Vec<Row> {
    let mask = |mut row: Row| {
        if let Some(content) = row.get_mut("Base64") {
            *content = MASK.into();
        }
        row
    };
    rows.into_iter().map(mask).collect()
}

/// The word `masked` in base64.
const MASK: &str = "bWFza2Vk";
