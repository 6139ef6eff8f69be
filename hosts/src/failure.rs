//! What goes wrong with a host as faults of the catalogue.

use crate::host::HostError;
use errors::Fault;

/// How much of a program's stderr a fault carries, from its end.
const STDERR_BYTES: usize = 2000;

pub fn of_host(error: HostError) -> Fault {
    match error {
        HostError::Unreachable { host, reason } => {
            Fault::new(&errors::driver::HOST_UNREACHABLE).hole("host", host).hole("reason", reason)
        }
        HostError::ProgramMissing { host, program } => {
            Fault::new(&errors::driver::PROGRAM_MISSING).hole("host", host).hole("program", program)
        }
        HostError::Failed { host, program, line, status, stderr } => Fault::new(&errors::driver::COMMAND_FAILED)
            .hole("host", host)
            .hole("program", program)
            .hole("status", status)
            .hole("stderr", tail(&stderr))
            .command(line, Some(status)),
        HostError::Deadline { host, program, line, deadline } => Fault::new(&errors::driver::COMMAND_DEADLINE)
            .hole("host", host)
            .hole("program", program)
            .hole("deadline_secs", deadline.as_secs())
            .command(line, None),
        HostError::Nonsense { host, program, line, reason } => Fault::new(&errors::driver::ANSWER_UNREADABLE)
            .hole("host", host)
            .hole("program", program)
            .hole("reason", reason)
            .command(line, Some(0)),
        HostError::Fenced { host, lock, seen, fence } => Fault::new(&errors::driver::HOST_FENCED)
            .hole("host", host)
            .hole("seen", seen)
            .hole("lock", lock)
            .hole("fence", fence),
        HostError::Lost { host, program, line, reason } => Fault::new(&errors::driver::SESSION_LOST)
            .hole("host", host)
            .hole("program", program)
            .hole("reason", tail(&reason))
            .command(line, None),
        HostError::Uncontracted { host, line, reason } => {
            Fault::new(&errors::driver::UNCONTRACTED).hole("host", host).hole("command", line).hole("reason", reason)
        }
        HostError::Unguarded { line, .. } => Fault::new(&errors::driver::TOUCHED_WHILE_LOOKING).hole("command", line),
    }
}

fn tail(stderr: &str) -> &str {
    let text = stderr.trim().trim_end_matches('.');
    let from = text.len().saturating_sub(STDERR_BYTES);
    let from = (from..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    &text[from..]
}
