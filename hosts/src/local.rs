//! This machine.

use crate::host::{Host, HostError, Invocation, Output};
use futures::future::BoxFuture;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

/// An answer longer than this is no answer of a program that drover knows.
const LONGEST_ANSWER: u64 = 16 << 20;

/// What a stopped process may do with its SIGTERM before it is killed.
const GRACE: Duration = Duration::from_secs(2);

pub struct Local {
    name: String,
}

impl Local {
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}

/// A process with its children; gone when it is dropped.
struct Group {
    child: Child,
    pid: Option<Pid>,
}

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid {
            // It may have ended meanwhile.
            let _ = kill_process_group(pid, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.pid.is_some() {
            self.signal(Signal::KILL);
        }
    }
}

/// Runs a command on this machine; `host` is who it is said of when it goes wrong. Any status is given.
pub(crate) async fn spawn(host: &str, command: &Invocation) -> Result<Output, HostError> {
    let mut child = Command::new(command.program())
        .args(command.argv.iter().skip(1))
        .env_clear()
        // Answers are read: they must not be in the operator's language.
        .env("LC_ALL", "C")
        .envs(
            ["PATH", "HOME", "SSH_AUTH_SOCK"]
                .into_iter()
                .filter_map(|name| std::env::var(name).ok().map(|value| (name, value))),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                HostError::ProgramMissing { host: host.to_owned(), program: command.program().to_owned() }
            }
            _ => failed(host, command, -1, error.to_string()),
        })?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let pid = child.id().and_then(|id| Pid::from_raw(id as i32));
    let mut group = Group { child, pid };
    let talk = async {
        let write = async {
            if let Some(mut stdin) = stdin {
                // A program need not read all that it is given.
                let _ = stdin.write_all(&command.stdin).await;
            }
        };
        let ((), stdout, stderr, status) = tokio::join!(write, read(stdout), read(stderr), group.child.wait());
        (stdout, stderr, status)
    };
    match tokio::time::timeout(command.deadline, talk).await {
        Ok((stdout, stderr, status)) => {
            group.pid = None;
            let status = status.map_err(|error| failed(host, command, -1, error.to_string()))?;
            let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
                return Err(nonsense(host, command, format!("it is longer than {LONGEST_ANSWER} bytes")));
            };
            // A process that a signal ended has no status: a shell's convention stands in.
            let status = status
                .code()
                .unwrap_or_else(|| 128 + std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or(0));
            Ok(Output { status, stdout, stderr })
        }
        Err(_) => {
            group.signal(Signal::TERM);
            // What is left then is killed with the group.
            let _ = tokio::time::timeout(GRACE, group.child.wait()).await;
            Err(deadline(host, command))
        }
    }
}

async fn read(from: Option<impl AsyncRead + Unpin>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        // A pipe that breaks ends what there is to read.
        let _ = from.take(LONGEST_ANSWER + 1).read_to_end(&mut bytes).await;
    }
    (bytes.len() as u64 <= LONGEST_ANSWER).then_some(bytes)
}

pub(crate) fn deadline(host: &str, command: &Invocation) -> HostError {
    HostError::Deadline {
        host: host.to_owned(),
        program: command.program().to_owned(),
        line: command.line(),
        deadline: command.deadline,
    }
}

fn nonsense(host: &str, command: &Invocation, reason: String) -> HostError {
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

/// The output, unless its status is none of the command's answers.
pub(crate) fn judged(host: &str, command: &Invocation, output: Output) -> Result<Output, HostError> {
    if command.answers.contains(&output.status) {
        return Ok(output);
    }
    Err(failed(host, command, output.status, String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

impl Local {
    /// File work off the threads that serve everyone.
    async fn files<T: Send + 'static>(
        &self,
        what: String,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, HostError> {
        let result = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        result.map_err(|error| HostError::Failed {
            host: self.name.clone(),
            program: "file".into(),
            line: what,
            status: error.raw_os_error().unwrap_or(-1),
            stderr: error.to_string(),
        })
    }
}

impl Host for Local {
    fn name(&self) -> &str {
        &self.name
    }

    fn run<'a>(&'a self, command: &'a Invocation) -> BoxFuture<'a, Result<Output, HostError>> {
        Box::pin(async move { judged(&self.name, command, spawn(&self.name, command).await?) })
    }

    fn put<'a>(&'a self, path: &'a str, bytes: &'a [u8], mode: u32) -> BoxFuture<'a, Result<(), HostError>> {
        let (to, bytes) = (PathBuf::from(path), bytes.to_vec());
        Box::pin(self.files(format!("write {path}"), move || put(&to, &bytes, mode)))
    }

    fn get<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, HostError>> {
        let from = PathBuf::from(path);
        Box::pin(self.files(format!("read {path}"), move || match std::fs::read(from) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }))
    }

    fn remove<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<(), HostError>> {
        let gone = PathBuf::from(path);
        Box::pin(self.files(format!("remove {path}"), move || {
            let is_folder = std::fs::symlink_metadata(&gone).is_ok_and(|metadata| metadata.is_dir());
            match if is_folder { std::fs::remove_dir(&gone) } else { std::fs::remove_file(&gone) } {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                result => result,
            }
        }))
    }
}

/// Under a temporary name beside it, with its mode before its content, synced, then renamed.
fn put(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = folder.join(name);
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| std::fs::rename(&part, path));
    if written.is_err() {
        // The first error says what went wrong.
        let _ = std::fs::remove_file(&part);
    }
    written?;
    std::fs::File::open(folder)?.sync_all()
}
