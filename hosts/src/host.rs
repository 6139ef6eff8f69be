//! The trait, and the ways in which reaching a host goes wrong.

use crate::guard::{self, Fences};
use futures::future::BoxFuture;
use model::Fence;
use model::lock::LockName;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Whether a command may change anything. A dry run carries out what looks and records what acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Looks,
    Acts,
}

/// One command: a program and its arguments, never a shell line.
#[derive(Clone, PartialEq, Eq)]
pub struct Invocation {
    /// `argv[0]` is the program's name, found on the host's PATH.
    pub argv: Vec<String>,
    /// Where secrets go; never printed.
    pub stdin: Vec<u8>,
    pub deadline: Duration,
    pub effect: Effect,
    /// Exit statuses that are answers; any other is [`HostError::Failed`]. `test -e` answers with 0 and 1.
    pub answers: &'static [i32],
}

impl Invocation {
    pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(60);

    fn new<A: Into<String>>(effect: Effect, argv: impl IntoIterator<Item = A>) -> Self {
        let argv = argv.into_iter().map(Into::into).collect();
        Self { argv, stdin: Vec::new(), deadline: Self::DEFAULT_DEADLINE, effect, answers: &[0] }
    }

    /// A command that changes nothing.
    pub fn looks<A: Into<String>>(argv: impl IntoIterator<Item = A>) -> Self {
        Self::new(Effect::Looks, argv)
    }

    /// A command that may change something.
    pub fn acts<A: Into<String>>(argv: impl IntoIterator<Item = A>) -> Self {
        Self::new(Effect::Acts, argv)
    }

    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    #[must_use]
    pub fn answers(mut self, statuses: &'static [i32]) -> Self {
        self.answers = statuses;
        self
    }

    pub fn program(&self) -> &str {
        self.argv.first().map_or("", String::as_str)
    }

    /// The arguments joined for reading, never for running.
    pub fn line(&self) -> String {
        self.argv.join(" ")
    }

    /// The output, unless its status is none of the command's answers.
    pub fn judge(&self, host: &str, output: Output) -> Result<Output, HostError> {
        if self.answers.contains(&output.status) {
            return Ok(output);
        }
        Err(HostError::Failed {
            host: host.to_owned(),
            program: self.program().to_owned(),
            line: self.line(),
            status: output.status,
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }
}

// stdin may hold a secret: only its length is shown.
impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes of stdin, {:?})", self.line(), self.stdin.len(), self.effect)
    }
}

/// What a command said that ended with one of its answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    pub status: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Output {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// A command and how its answer is read: what a module of `commands` makes for each use of its program.
pub struct Command<T> {
    pub invocation: Invocation,
    /// Gives why the answer makes no sense.
    pub read: fn(&Output) -> Result<T, String>,
}

impl Command<()> {
    /// A command whose success is all there is to know.
    pub fn plain(invocation: Invocation) -> Self {
        Self { invocation, read: |_| Ok(()) }
    }
}

/// Ways to go wrong are kinds: not reached, not let through, the command said no (or hung), the answer made no sense.
#[derive(Debug, Error)]
pub enum HostError {
    #[error("host {host} could not be reached: {reason}")]
    Unreachable { host: String, reason: String },
    /// The host was reached and has no such program.
    #[error("{program} is not installed on {host}")]
    ProgramMissing { host: String, program: String },
    #[error("{program} failed with status {status}: {stderr}")]
    Failed { host: String, program: String, line: String, status: i32, stderr: String },
    /// It was stopped: the whole process group is gone.
    #[error("{program} did not end within {} s", deadline.as_secs())]
    Deadline { host: String, program: String, line: String, deadline: Duration },
    #[error("the answer of {program} makes no sense: {reason}")]
    Nonsense { host: String, program: String, line: String, reason: String },
    /// Somebody who was granted the lock later has acted already; nothing was done.
    #[error("{host} has seen fence {seen} of the lock {lock} and refused {fence}")]
    Fenced { host: String, lock: LockName, seen: Fence, fence: Fence },
    /// The connection ended before the answer came: whether it was done is not known.
    #[error("the connection to {host} was lost while {program} ran: {reason}")]
    Lost { host: String, program: String, line: String, reason: String },
    /// It is not what the contract of the host's cmdlets knows; it was not sent.
    #[error("{line} is not sent to {host}: {reason}")]
    Uncontracted { host: String, line: String, reason: String },
    /// It acts, and no lock is held.
    #[error("{line} may change something on {host}, and no lock is held")]
    Unguarded { host: String, line: String },
}

impl HostError {
    /// The exit status of a command that said no.
    pub fn status(&self) -> Option<i32> {
        match self {
            Self::Failed { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The same, said of another command than the one that was run in its place.
    pub(crate) fn said_of(self, other: &str, of: &str) -> Self {
        let (program, line) = (other.to_owned(), of.to_owned());
        match self {
            Self::Failed { host, status, stderr, .. } => Self::Failed { host, program, line, status, stderr },
            Self::Deadline { host, deadline, .. } => Self::Deadline { host, program, line, deadline },
            Self::Nonsense { host, reason, .. } => Self::Nonsense { host, program, line, reason },
            Self::Lost { host, reason, .. } => Self::Lost { host, program, line, reason },
            Self::Uncontracted { host, reason, .. } => Self::Uncontracted { host, line, reason },
            error @ (Self::Unreachable { .. }
            | Self::ProgramMissing { .. }
            | Self::Fenced { .. }
            | Self::Unguarded { .. }) => error,
        }
    }

    /// What a command that said no wrote to stderr.
    pub fn stderr(&self) -> &str {
        match self {
            Self::Failed { stderr, .. } => stderr,
            _ => "",
        }
    }
}

/// A machine that commands run on. What acts is done under the locks that are held, and the host checks their fences and
/// does it in one go; see [`guard`](crate::guard). The methods without fences are for what is under no lock.
pub trait Host: Send + Sync {
    /// The server's name.
    fn name(&self) -> &str;

    /// Runs it to its end and gives what it said; a status that is none of its answers is [`HostError::Failed`]. When the
    /// deadline passes, or the future is dropped, the process and its children are gone. A command that looks is not
    /// refused for its fences, but on a host where what was begun may outlive whoever asked, it waits for that.
    fn run_under<'a>(&'a self, fences: &'a Fences, command: &'a Invocation)
    -> BoxFuture<'a, Result<Output, HostError>>;

    /// Writes a file whole, with this mode, by way of a temporary name beside it and a rename, synced; parent folders
    /// are made. Always [`Effect::Acts`].
    fn put_under<'a>(
        &'a self,
        fences: &'a Fences,
        path: &'a str,
        bytes: &'a [u8],
        mode: u32,
    ) -> BoxFuture<'a, Result<(), HostError>>;

    /// Reads a file; none when it is absent. Always [`Effect::Looks`].
    fn get<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, HostError>>;

    /// Removes a file or an empty folder; what is absent is removed already. Always [`Effect::Acts`].
    fn remove_under<'a>(&'a self, fences: &'a Fences, path: &'a str) -> BoxFuture<'a, Result<(), HostError>>;

    /// The same machine for the length of one attempt, where something is kept open between its commands: it ends when this
    /// is dropped. None where nothing is.
    fn session(&self) -> Option<Arc<dyn Host>> {
        None
    }

    /// Forgets the fences of a folder that have not risen for this long.
    fn prune<'a>(&'a self, folder: &'a str, untouched: Duration) -> BoxFuture<'a, Result<(), HostError>>;

    fn run<'a>(&'a self, command: &'a Invocation) -> BoxFuture<'a, Result<Output, HostError>> {
        self.run_under(&guard::NONE, command)
    }

    fn put<'a>(&'a self, path: &'a str, bytes: &'a [u8], mode: u32) -> BoxFuture<'a, Result<(), HostError>> {
        self.put_under(&guard::NONE, path, bytes, mode)
    }

    fn remove<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<(), HostError>> {
        self.remove_under(&guard::NONE, path)
    }
}
