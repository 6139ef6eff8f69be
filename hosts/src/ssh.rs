//! Another machine, by OpenSSH's own client: its known hosts, its keys, its agent, its connection sharing.
//!
//! Flow: one `ssh` a command, over a shared connection; the command crosses as one quoted line (`line`); what ssh itself has
//! to say goes to a file of its own, so that stderr is the command's alone.
//!
//! Guarantees: a status, whichever it is, is the command's: when ssh fails there is none, and the host was not reached. When
//! the deadline passes the far side stops the command's whole process group by itself, also when it is cut off. When the
//! future is dropped, or this process dies, the far side stops it as soon as it learns of it.
//!
//! Assumptions: the far side's login shell reads POSIX quotes; it has `sh`, coreutils, and util-linux's `setsid`. A command
//! that has left its process group is not followed.

mod address;
mod line;

use crate::files::{self, FileWork};
use crate::guard::{self, Fences, Wrapped};
use crate::host::{Host, HostError, Invocation, Output};
use crate::mark;
use crate::process::{self, Stdin};
use futures::future::BoxFuture;
use line::Answer;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tempfile::{NamedTempFile, TempDir};

pub use address::SshAddress;

/// How ssh finds its key and the hosts it knows; its own defaults where nothing is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshOptions {
    pub identity: Option<PathBuf>,
    /// A host that is not in it is refused.
    pub known_hosts: Option<PathBuf>,
}

impl SshOptions {
    /// ssh with what goes for every connection, and what it has to say in a file of its own. A keepalive is sent after so
    /// many silent seconds; so many without an answer end the connection.
    pub(crate) fn argv(&self, log: &Path, (interval, count): (u32, u32)) -> Vec<String> {
        let mut argv: Vec<String> = ["ssh", "-T", "-E"].map(str::to_owned).into();
        argv.push(log.display().to_string());
        let mut option = |name: &str, value: &str| argv.extend(["-o".to_owned(), format!("{name}={value}")]);
        option("BatchMode", "yes");
        option("StrictHostKeyChecking", "yes");
        option("UpdateHostKeys", "no");
        option("LogLevel", "ERROR");
        option("ConnectTimeout", "10");
        option("ServerAliveInterval", &interval.to_string());
        option("ServerAliveCountMax", &count.to_string());
        // What the user's own settings may ask for, and a command must not have.
        option("RemoteCommand", "none");
        option("ClearAllForwardings", "yes");
        option("ForwardAgent", "no");
        if let Some(known) = &self.known_hosts {
            option("UserKnownHostsFile", &path(known));
            option("GlobalKnownHostsFile", "/dev/null");
        }
        if let Some(identity) = &self.identity {
            option("IdentityFile", &path(identity));
            option("IdentitiesOnly", "yes");
        }
        argv
    }
}

pub struct Ssh {
    name: String,
    address: SshAddress,
    options: SshOptions,
    control: Mutex<Option<TempDir>>,
}

/// Three times five seconds without a word from the host.
const KEEPALIVE: (u32, u32) = (5, 3);

/// How much longer the near side waits than the far side, for the way there and back.
const WAY: Duration = Duration::from_secs(20);

/// A socket's path has at most 107 bytes, and ssh appends some of its own.
const LONGEST_FOLDER: usize = 60;

/// What ssh says of why it failed is at most this long.
const LONGEST_REASON: u64 = 4096;

impl Ssh {
    pub fn new(name: impl Into<String>, address: SshAddress, options: SshOptions) -> Self {
        Self { name: name.into(), address, options, control: Mutex::default() }
    }

    /// The folder where connections are shared: nobody else's, or they could answer in the host's place. Made anew when
    /// someone has tidied it away.
    fn control(&self) -> io::Result<PathBuf> {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = control.as_ref().filter(|folder| folder.path().is_dir()) {
            return Ok(folder.path().to_owned());
        }
        let usual = std::env::temp_dir();
        let base = if usual.as_os_str().len() > LONGEST_FOLDER { Path::new("/tmp") } else { &usual };
        let folder = tempfile::Builder::new().prefix("drover-ssh-").tempdir_in(base)?;
        let path = folder.path().to_owned();
        *control = Some(folder);
        Ok(path)
    }

    /// The near side's command: ssh, with the far side's line as its last argument.
    fn near(&self, command: &Invocation, mark: &str, control: &Path, log: &Path) -> Invocation {
        let mut argv = self.options.argv(log, KEEPALIVE);
        let mut option = |name: &str, value: &str| argv.extend(["-o".to_owned(), format!("{name}={value}")]);
        option("ControlMaster", "auto");
        option("ControlPersist", "60");
        option("ControlPath", &path(&control.join("c")));
        argv.extend(self.address.arguments());
        argv.push(line::line(command, mark));
        Invocation {
            argv,
            stdin: line::stdin(&command.stdin),
            deadline: command.deadline + WAY,
            effect: command.effect,
            answers: &[],
        }
    }

    /// Whatever its status.
    async fn cross(&self, command: &Invocation) -> Result<Output, HostError> {
        let unreachable = |reason: String| HostError::Unreachable { host: self.name.clone(), reason };
        let here = |error: io::Error| unreachable(format!("preparing the connection: {error}"));
        let control = self.control().map_err(here)?;
        let log = NamedTempFile::with_prefix_in("log-", &control).map_err(here)?;
        let mark = mark::new();
        let near = self.near(command, &mark, &control, log.path());
        let output = match process::run(&self.name, &near, Stdin::StaysOpen).await {
            Err(HostError::Deadline { .. }) => {
                return Err(unreachable("no answer within the command's deadline".into()));
            }
            Err(HostError::ProgramMissing { .. }) => return Err(unreachable("there is no ssh on this machine".into())),
            Err(HostError::Failed { stderr, .. }) => return Err(unreachable(format!("ssh does not start: {stderr}"))),
            Err(HostError::Nonsense { reason, .. }) => return Err(process::nonsense(&self.name, command, reason)),
            result => result?,
        };
        match line::answer(&output.stderr, &mark) {
            Some(Answer::Ended { status, stderr }) => Ok(Output { status, stdout: output.stdout, stderr }),
            Some(Answer::Missing) => {
                Err(HostError::ProgramMissing { host: self.name.clone(), program: command.program().to_owned() })
            }
            Some(Answer::Deadline) => Err(process::deadline(&self.name, command)),
            None => Err(unreachable(reason(log, &output))),
        }
    }

    async fn answer(&self, fences: &Fences, command: &Invocation) -> Result<Output, HostError> {
        let wrapped = Wrapped::of(command, fences);
        let output = wrapped.read(&self.name, self.cross(wrapped.invocation()).await)?;
        command.judge(&self.name, output)
    }

    async fn file(&self, fences: &Fences, work: FileWork) -> Result<Output, HostError> {
        self.answer(fences, &work.command).await.map_err(|error| work.told(error))
    }
}

/// A path as ssh's options take it: it may hold blanks, and a percent sign is none of ssh's tokens.
fn path(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('%', "%%"))
}

/// Why there was no answer: what ssh said of itself, else what came instead of it.
fn reason(mut log: NamedTempFile, output: &Output) -> String {
    let mut said = Vec::new();
    // Without its log the rest has to do.
    let _ = log.as_file_mut().take(LONGEST_REASON).read_to_end(&mut said);
    let texts = [said.as_slice(), &output.stderr, &output.stdout].map(|text| {
        let text = String::from_utf8_lossy(&text[..text.len().min(LONGEST_REASON as usize)]).into_owned();
        text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
    });
    let silent = || format!("ssh ended with status {} and said nothing", output.status);
    texts.into_iter().find(|text| !text.is_empty()).unwrap_or_else(silent)
}

impl Host for Ssh {
    fn name(&self) -> &str {
        &self.name
    }

    fn run_under<'a>(
        &'a self,
        fences: &'a Fences,
        command: &'a Invocation,
    ) -> BoxFuture<'a, Result<Output, HostError>> {
        Box::pin(self.answer(fences, command))
    }

    fn put_under<'a>(
        &'a self,
        fences: &'a Fences,
        path: &'a str,
        bytes: &'a [u8],
        mode: u32,
    ) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move { self.file(fences, files::put(path, bytes, mode)).await.map(drop) })
    }

    fn get<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, HostError>> {
        Box::pin(async move {
            let output = self.file(&guard::NONE, files::get(path)).await?;
            Ok((output.status != files::ABSENT).then_some(output.stdout))
        })
    }

    fn remove_under<'a>(&'a self, fences: &'a Fences, path: &'a str) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move { self.file(fences, files::remove(path)).await.map(drop) })
    }

    fn prune<'a>(&'a self, folder: &'a str, untouched: Duration) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move { self.answer(&guard::NONE, &guard::prune(folder, untouched)).await.map(drop) })
    }
}
