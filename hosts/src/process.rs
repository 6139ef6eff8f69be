//! A process of this machine and its children: started, talked to, and stopped together.

use crate::host::{HostError, Invocation, Output};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// A longer answer is no answer of a program that drover knows.
pub(crate) const LONGEST_ANSWER: u64 = 16 << 20;

/// What a stopped process may do with its SIGTERM before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// How long the pipes of a process that has ended are read on, should a child that left its group hold them open.
const LINGER: Duration = Duration::from_secs(1);

/// What becomes of stdin once all of it is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stdin {
    Closes,
    /// Until the process has ended, so that its closing tells the far side of a connection that this side has gone.
    StaysOpen,
}

/// A process group, killed when it is dropped.
pub(crate) struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.0 {
            // It may have ended meanwhile.
            let _ = kill_process_group(leader, signal);
        }
    }

    /// At once when the leader has been reaped: later its number may be another's.
    fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A process that is talked to while it runs.
pub(crate) struct Running {
    pub child: Child,
    pub group: Group,
    pub stdin: ChildStdin,
    pub stdout: ChildStdout,
    pub stderr: ChildStderr,
}

/// Starts one; it ends when its group is dropped.
pub(crate) fn open(argv: &[String]) -> std::io::Result<Running> {
    let mut child = start(argv)?;
    let group = Group(child.id().and_then(|id| Pid::from_raw(id as i32)));
    match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
        (Some(stdin), Some(stdout), Some(stderr)) => Ok(Running { child, group, stdin, stdout, stderr }),
        _ => Err(std::io::Error::other("it has no pipes")),
    }
}

/// Runs a command to its end, whatever its status; `host` is who it is said of when it goes wrong. What it leaves behind in
/// its process group ends with it.
pub(crate) async fn run(host: &str, command: &Invocation, stdin: Stdin) -> Result<Output, HostError> {
    let mut child = start(&command.argv).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            HostError::ProgramMissing { host: host.to_owned(), program: command.program().to_owned() }
        }
        _ => failed(host, command, -1, error.to_string()),
    })?;
    let mut group = Group(child.id().and_then(|id| Pid::from_raw(id as i32)));
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let talked =
        timeout(command.deadline, talk(command, stdin, &mut child, &mut group, &mut stdout, &mut stderr)).await;
    match talked {
        Ok(Ok(status)) => {
            // A process that a signal ended has no status: a shell's convention stands in.
            let status = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
            Ok(Output { status, stdout, stderr })
        }
        Ok(Err(Interruption::TooLong)) => {
            Err(nonsense(host, command, format!("it is longer than {LONGEST_ANSWER} bytes")))
        }
        Ok(Err(Interruption::Wait(error))) => Err(failed(host, command, -1, error.to_string())),
        Err(_) => {
            group.signal(Signal::TERM);
            let _ = timeout(GRACE, child.wait()).await;
            group.kill();
            let _ = timeout(GRACE, child.wait()).await;
            Err(deadline(host, command))
        }
    }
}

fn start(argv: &[String]) -> std::io::Result<Child> {
    let kept = ["PATH", "HOME", "SSH_AUTH_SOCK"];
    Command::new(argv.first().map_or("", String::as_str))
        .args(argv.iter().skip(1))
        .env_clear()
        .envs(kept.into_iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value))))
        // Answers are read: they must not be in the operator's language.
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

enum Interruption {
    TooLong,
    Wait(std::io::Error),
}

/// Writes and reads side by side: with either after the other, two full pipes would wait for each other.
async fn talk(
    command: &Invocation,
    stdin: Stdin,
    child: &mut Child,
    group: &mut Group,
    stdout: &mut Vec<u8>,
    stderr: &mut Vec<u8>,
) -> Result<ExitStatus, Interruption> {
    let (to, from, aside) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let read = async { tokio::try_join!(read(from, stdout), read(aside, stderr)).map(drop) };
    let mut pipes = std::pin::pin!(async { tokio::join!(write(to, &command.stdin, stdin), read) });
    let (status, ended) = tokio::select! {
        // The stdin that stays open is dropped with what is returned here: after the wait.
        (held, read) = &mut pipes => {
            read?;
            let status = child.wait().await;
            drop(held);
            (status, true)
        }
        status = child.wait() => (status, false),
    };
    group.kill();
    if !ended && let Ok((_, read)) = timeout(LINGER, &mut pipes).await {
        read?;
    }
    status.map_err(Interruption::Wait)
}

async fn write(to: Option<ChildStdin>, bytes: &[u8], stdin: Stdin) -> Option<ChildStdin> {
    let mut to = to?;
    // A program need not read all that it is given.
    let _ = to.write_all(bytes).await;
    (stdin == Stdin::StaysOpen).then_some(to)
}

async fn read(from: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> Result<(), Interruption> {
    if let Some(from) = from {
        // A pipe that breaks ends what there is to read.
        let _ = from.take(LONGEST_ANSWER + 1).read_to_end(into).await;
    }
    if into.len() as u64 > LONGEST_ANSWER { Err(Interruption::TooLong) } else { Ok(()) }
}

pub(crate) fn deadline(host: &str, command: &Invocation) -> HostError {
    HostError::Deadline {
        host: host.to_owned(),
        program: command.program().to_owned(),
        line: command.line(),
        deadline: command.deadline,
    }
}

pub(crate) fn nonsense(host: &str, command: &Invocation, reason: String) -> HostError {
    HostError::Nonsense { host: host.to_owned(), program: command.program().to_owned(), line: command.line(), reason }
}

fn failed(host: &str, command: &Invocation, status: i32, stderr: String) -> HostError {
    HostError::Failed {
        host: host.to_owned(),
        program: command.program().to_owned(),
        line: command.line(),
        status,
        stderr,
    }
}
