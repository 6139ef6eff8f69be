//! The cmdlets of Hyper-V and of files, by way of the agent: each function builds a request and says how its rows are read.
//!
//! Found by listing and an exact filter, never by a pattern; addressed by its identifier, and handed on through the
//! pipeline. Names are whole, and nothing asks back.

pub mod adapter;
pub mod checkpoint;
pub mod disk;
pub mod dvd;
pub mod export;
pub mod file;
pub mod held;
pub mod host;
pub mod job;
pub mod syntax;
pub mod vhd;
pub mod vm;

#[cfg(test)]
mod golden;
mod row;

use cmdlets::{Request, Row};
use hosts::{Command, Invocation, Output};
use serde_json::Value;
use std::time::Duration;

/// Reading or writing a disk of many gigabytes.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// A request that changes nothing. Its words stand where an argument list would; the request itself goes over stdin.
pub fn looks<T>(request: &Request, read: fn(&Output) -> Result<T, String>) -> Command<T> {
    Command { invocation: Invocation::looks(request.words()).stdin(line(request)), read }
}

/// A request that may change something.
pub fn acts(request: &Request) -> Command<()> {
    Command::plain(Invocation::acts(request.words()).stdin(line(request)))
}

fn line(request: &Request) -> String {
    serde_json::to_string(request).expect("a request has only text keys")
}

/// The rows that came back, one for each object: what a Windows host gives as output.
pub fn rows(output: &Output) -> Result<Vec<Row>, String> {
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

/// The rows, each read.
fn each<T>(output: &Output, read: fn(&Row) -> Result<T, String>) -> Result<Vec<T>, String> {
    rows(output)?.iter().map(read).collect()
}

/// The first row, read; none when nothing was found.
fn first<T>(output: &Output, read: fn(&Row) -> Result<T, String>) -> Result<Option<T>, String> {
    rows(output)?.first().map(read).transpose()
}

/// Takes longer than most.
fn long<T>(command: Command<T>) -> Command<T> {
    Command { invocation: command.invocation.deadline(LONG), read: command.read }
}

/// The VM with this identifier, to hand on.
fn of(vm: &str) -> Request {
    Request::call("Get-VM", [("Id", vm.into())])
}

const NO_QUESTION: (&str, Value) = ("Confirm", Value::Bool(false));
