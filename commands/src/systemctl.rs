//! systemd: which units start with the node. It need not run for that: without it only the links between units are made.

use hosts::{Command, Invocation, Output};

pub fn is_enabled(unit: &str) -> Command<bool> {
    // A unit that is not there is not enabled either.
    let read = |output: &Output| Ok(output.text().trim() == "enabled");
    Command { invocation: Invocation::looks(["systemctl", "is-enabled", unit]).answers(&[0, 1, 4]), read }
}

pub fn enable(unit: &str) -> Command<()> {
    Command::plain(Invocation::acts(["systemctl", "-q", "enable", unit]))
}

pub fn disable(unit: &str) -> Command<()> {
    Command::plain(Invocation::acts(["systemctl", "-q", "disable", unit]))
}
