//! A process of the run's own: a service or a client. It ends with this one, however this one ends.

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

pub struct Process(Child);

/// A program to start, in a network namespace if one is named. The kernel kills it when the thread that starts it ends.
pub fn program(path: &Path, namespace: Option<&str>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]);
    if let Some(namespace) = namespace {
        command.args(["ip", "netns", "exec", namespace]);
    }
    command.arg(path);
    command
}

impl Process {
    /// Its words go to a file.
    pub fn with_log(mut command: Command, log: File) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Ok(Self(command.spawn().context("starting a service")?))
    }

    /// With its stdin and its stdout in our hands.
    pub fn with_pipes(mut command: Command) -> Result<(Self, ChildStdin, ChildStdout)> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("starting a client")?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (stdin, stdout) = pipes.context("a client without pipes")?;
        Ok((Self(child), stdin, stdout))
    }

    pub fn signal(&self, signal: Signal) -> Result<()> {
        let process = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).context("a process without a number")?;
        Ok(kill_process(process, signal)?)
    }

    /// None while it runs.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.0.try_wait()?)
    }

    /// `kill -9`
    pub fn kill(&mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; what counts is that it is gone.
        let _ = self.kill();
    }
}
