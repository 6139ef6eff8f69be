//! Network namespaces: what is there, who is in one, and running a program in one.

use super::rows;
use hosts::{Command, Invocation, Output};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Row {
    name: String,
}

pub fn list() -> Command<Vec<String>> {
    let read = |output: &Output| Ok(rows::<Row>(output)?.into_iter().map(|row| row.name).collect());
    Command { invocation: Invocation::looks(["ip", "-json", "netns", "list"]), read }
}

pub fn add(name: &str) -> Command<()> {
    Command::plain(Invocation::acts(["ip", "netns", "add", name]))
}

/// Its links go with it; processes in it go on.
pub fn delete(name: &str) -> Command<()> {
    Command::plain(Invocation::acts(["ip", "netns", "delete", name]))
}

/// The processes in a namespace.
pub fn pids(name: &str) -> Command<Vec<u32>> {
    let read = |output: &Output| {
        let number = |line: &str| line.trim().parse().map_err(|_| format!("{line:?} is no process"));
        output.text().lines().map(number).collect()
    };
    Command { invocation: Invocation::looks(["ip", "netns", "pids", name]), read }
}

/// A program's arguments, as they are run in a namespace.
pub fn inside<'a>(name: &'a str, argv: &[&'a str]) -> Vec<&'a str> {
    ["ip", "netns", "exec", name].into_iter().chain(argv.iter().copied()).collect()
}
