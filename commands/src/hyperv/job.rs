//! Cmdlets that go on as jobs. A job that ended is no job that succeeded: its state is read, and what it has to say.

use super::row::{text, texts};
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

/// How far a job is, of a hundred; none when it does not tell.
pub fn percent(job: u64) -> Command<Option<u64>> {
    looks(&one(job).props(["Progress"]), |output| {
        let told = first(output, |row| texts(row, "Progress"))?.unwrap_or_default();
        Ok(told.last().and_then(|record| read_percent(record)))
    })
}

/// A record of progress as PowerShell writes it: `parent = -1 id = 0 act = Exporting stat = cur = pct = 43 sec = -1 ..`
fn read_percent(record: &str) -> Option<u64> {
    let (_, rest) = record.rsplit_once(" pct = ")?;
    rest.split_whitespace().next()?.parse().ok().filter(|percent| *percent <= 100)
}

/// What it has begun is given up.
pub fn stop(job: u64) -> Command<()> {
    acts(&one(job).then("Stop-Job", [NO_QUESTION]))
}

pub fn forget(job: u64) -> Command<()> {
    acts(&one(job).then("Remove-Job", [("Force", true.into()), NO_QUESTION]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_from_the_words_of_a_record() {
        let record = "parent = -1 id = 0 act = Exporting stat =  cur =  pct = 43 sec = -1 type = Processing";
        assert_eq!(read_percent(record), Some(43));
        assert_eq!(read_percent("parent = -1 id = 0 act = x stat =  cur =  pct = -1 sec = -1 type = Processing"), None);
        assert_eq!(read_percent(""), None);
    }
}
