//! Signals to processes that are known by number.

use hosts::{Command, Invocation};

/// Ends them.
pub fn terminate(pids: &[u32]) -> Command<()> {
    signal("-TERM", pids)
}

/// Has them read their files again.
pub fn hang_up(pids: &[u32]) -> Command<()> {
    signal("-HUP", pids)
}

/// Status 1 says that one has gone meanwhile.
fn signal(signal: &str, pids: &[u32]) -> Command<()> {
    let argv = ["kill", signal].map(str::to_owned).into_iter().chain(pids.iter().map(u32::to_string));
    Command::plain(Invocation::acts(argv).answers(&[0, 1]))
}
