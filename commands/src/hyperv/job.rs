//! Cmdlets that go on as jobs. A job that ended is no job that succeeded: its state is read, and what it has to say.

use super::row::text;
use super::{NO_QUESTION, acts, first, looks};
use cmdlets::Request;
use hosts::Command;

fn one(job: u64) -> Request {
    Request::call("Get-Job", []).only("Id", job.to_string())
}

/// `Running`, `Completed`, `Failed`, ...; none when it is forgotten, with its session say.
pub fn state(job: u64) -> Command<Option<String>> {
    looks(&one(job).props(["State"]), |output| first(output, |row| text(row, "State")))
}

/// The error of a job that failed is this command's own.
pub fn receive(job: u64) -> Command<()> {
    let request = one(job).then("Receive-Job", [("Keep", true.into())]);
    looks(&request, |_| Ok(()))
}

pub fn forget(job: u64) -> Command<()> {
    acts(&one(job).then("Remove-Job", [("Force", true.into()), NO_QUESTION]))
}
