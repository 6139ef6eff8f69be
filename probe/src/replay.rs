//! A recorded host: it answers what it was asked then, in the same order, and nothing else.

use crate::record::{Exchange, Record};
use cmdlets::{HELLO, Request};
use futures::future::BoxFuture;
use hosts::{Fences, Host, HostError, Invocation, Output};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub struct Replay {
    record: Record,
    left: Mutex<VecDeque<Exchange>>,
}

impl Replay {
    pub fn new(record: Record) -> Self {
        let left = Mutex::new(record.exchanges.iter().cloned().collect());
        Self { record, left }
    }

    /// What was not asked for.
    pub fn left(&self) -> usize {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn answer(&self, command: &Invocation) -> Result<Output, HostError> {
        let output = |rows: serde_json::Value| Output { stdout: rows.to_string().into_bytes(), ..Output::default() };
        if command.argv == [HELLO] {
            return Ok(output(serde_json::json!([self.record.head.hello])));
        }
        let asked = command.stdin.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let asked: Option<Request> = serde_json::from_slice(asked).ok();
        let Some(next) = self.left.lock().unwrap_or_else(PoisonError::into_inner).pop_front() else {
            return Err(self.otherwise(command, "nothing"));
        };
        if asked.as_ref() != Some(&next.request) {
            return Err(self.otherwise(command, &next.request.words().join(" ")));
        }
        match (next.rows, next.error) {
            (Some(rows), None) => Ok(output(serde_json::json!(rows))),
            (_, error) => Err(HostError::Failed {
                host: self.name().to_owned(),
                program: command.program().to_owned(),
                line: command.line(),
                status: 1,
                stderr: error.unwrap_or_default(),
            }),
        }
    }

    fn otherwise(&self, command: &Invocation, recorded: &str) -> HostError {
        HostError::Nonsense {
            host: self.name().to_owned(),
            program: command.program().to_owned(),
            line: command.line(),
            reason: format!("{} was asked for, and {recorded} was recorded", command.line()),
        }
    }

    fn none<T>(&self, what: &str) -> Result<T, HostError> {
        Err(HostError::ProgramMissing { host: self.name().to_owned(), program: what.to_owned() })
    }
}

impl Host for Replay {
    fn name(&self) -> &str {
        &self.record.head.host
    }

    fn run_under<'a>(
        &'a self,
        _fences: &'a Fences,
        command: &'a Invocation,
    ) -> BoxFuture<'a, Result<Output, HostError>> {
        Box::pin(async move { self.answer(command) })
    }

    fn put_under<'a>(
        &'a self,
        _fences: &'a Fences,
        _path: &'a str,
        _bytes: &'a [u8],
        _mode: u32,
    ) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move { self.none("put") })
    }

    fn get<'a>(&'a self, _path: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, HostError>> {
        Box::pin(async move { self.none("get") })
    }

    fn remove_under<'a>(&'a self, _fences: &'a Fences, _path: &'a str) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move { self.none("remove") })
    }

    fn prune<'a>(&'a self, _folder: &'a str, _untouched: Duration) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move { self.none("prune") })
    }
}
