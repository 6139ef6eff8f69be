//! The host itself, and its virtual switches.

use super::row::{number, text};
use super::{first, looks};
use cmdlets::{HELLO, Hello, Request};
use hosts::{Command, Invocation};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HypervHost {
    pub name: String,
    pub processors: u32,
    pub memory_bytes: u64,
}

/// What the agent says of itself and its host; none is no answer at all.
pub fn hello() -> Command<Option<Hello>> {
    let read = |output: &hosts::Output| {
        let mut rows: Vec<Hello> = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
        Ok(rows.pop())
    };
    Command { invocation: Invocation::looks([HELLO]), read }
}

/// Hyper-V answers.
pub fn info() -> Command<Option<HypervHost>> {
    let request = Request::call("Get-VMHost", []).props(["Name", "LogicalProcessorCount", "MemoryCapacity"]);
    looks(&request, |output| {
        first(output, |row| {
            Ok(HypervHost {
                name: text(row, "Name")?,
                processors: number(row, "LogicalProcessorCount")?,
                memory_bytes: number(row, "MemoryCapacity")?,
            })
        })
    })
}

/// The kind of the virtual switch of exactly this name: `External`, `Internal`, `Private`.
pub fn switch(name: &str) -> Command<Option<String>> {
    let request = Request::call("Get-VMSwitch", []).only("Name", name).props(["Name", "SwitchType"]);
    looks(&request, |output| first(output, |row| text(row, "SwitchType")))
}
