//! The clients, seen from the run: processes that are told to jump and to end, and that say what they have counted.

use crate::process::{Process, program};
use crate::service::TOKEN;
use crate::tally::Tally;
use anyhow::{Context, Result, bail};
use std::io::Write;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long a client may take to end: it finishes the sections that it is in.
const END_LIMIT: Duration = Duration::from_secs(30);

/// What all clients are started with.
pub struct Common<'a> {
    pub tasks: u32,
    pub seed: u64,
    pub host: &'a Path,
    pub guarded: bool,
    pub services: &'a [String],
}

pub struct Client {
    pub process: Process,
    pub namespace: Option<String>,
    stdin: ChildStdin,
}

impl Client {
    pub fn jump(&self, millis: i64) -> Result<()> {
        writeln!(&self.stdin, "{millis}").context("telling a client to jump")
    }
}

/// What they say, in the order in which it comes.
pub struct Voices {
    heard: mpsc::UnboundedReceiver<(usize, Option<Tally>)>,
    tallies: Vec<Tally>,
}

/// One client for each namespace named.
pub fn start(common: &Common<'_>, namespaces: Vec<Option<String>>) -> Result<(Vec<Client>, Voices)> {
    let (says, heard) = mpsc::unbounded_channel();
    let tallies = vec![Tally::default(); namespaces.len()];
    let mut clients = Vec::new();
    for (number, namespace) in namespaces.into_iter().enumerate() {
        let mut command = program(&std::env::current_exe()?, namespace.as_deref());
        command.args(["client", "--number", &number.to_string(), "--tasks", &common.tasks.to_string()]);
        command.args(["--seed", &common.seed.to_string()]).arg("--host").arg(common.host);
        if common.guarded {
            command.arg("--guarded");
        }
        command.args(common.services).env("HISTORY_TOKEN", TOKEN);
        let (process, stdin, stdout) = Process::with_pipes(command)?;
        let says = says.clone();
        tokio::spawn(async move {
            if let Err(error) = listen(number, stdout, says.clone()).await {
                eprintln!("client {number}: {error:#}");
            }
            // Nobody listens any more when the run has failed.
            let _ = says.send((number, None));
        });
        clients.push(Client { process, namespace, stdin });
    }
    Ok((clients, Voices { heard, tallies }))
}

async fn listen(number: usize, stdout: ChildStdout, says: mpsc::UnboundedSender<(usize, Option<Tally>)>) -> Result<()> {
    let mut lines = BufReader::new(tokio::process::ChildStdout::from_std(stdout)?).lines();
    while let Some(line) = lines.next_line().await? {
        says.send((number, Some(serde_json::from_str(&line)?)))?;
    }
    Ok(())
}

impl Voices {
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.tallies.iter().for_each(|tally| total += *tally);
        total
    }

    /// Listens until so many operations are done, and tells of each tenth.
    pub async fn until(&mut self, operations: u64) -> Result<()> {
        let mut tenths = 0;
        loop {
            let done = self.total().operations();
            if done * 10 / operations > tenths {
                tenths = done * 10 / operations;
                eprintln!("{done} operations");
            }
            if done >= operations {
                return Ok(());
            }
            if let Some(number) = self.next().await? {
                bail!("client {number} ended before its time");
            }
        }
    }

    /// Ends all clients and hears them out.
    pub async fn end(&mut self, clients: Vec<Client>) -> Result<Tally> {
        let mut processes = Vec::new();
        for Client { process, stdin, .. } in clients {
            drop(stdin);
            processes.push(process);
        }
        let silence = async {
            for _ in 0..processes.len() {
                while self.next().await?.is_none() {}
            }
            anyhow::Ok(())
        };
        timeout(END_LIMIT, silence).await.context("a client does not end")??;
        Ok(self.total())
    }

    /// The number of a client that has ended; none for one that goes on.
    async fn next(&mut self) -> Result<Option<usize>> {
        match self.heard.recv().await.context("no client is left")? {
            (number, Some(tally)) => {
                if let Some(own) = self.tallies.get_mut(number) {
                    *own = tally;
                }
                Ok(None)
            }
            (number, None) => Ok(Some(number)),
        }
    }
}
