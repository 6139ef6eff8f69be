//! `drover locks` as a process of its own, and the workers' client.

use super::Peer;
use anyhow::{Context, Result, anyhow, bail};
use clap::ValueEnum;
use futures::{StreamExt, TryStreamExt, stream};
use locks::wire::{MAX_LEASE_SECS, MAX_NAMES, MAX_WAIT_SECS};
use locks::{Client, Held, Owner};
use model::TaskId;
use model::lock::LockName;
use secrecy::SecretString;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use testkit::real::{self, Database};
use testkit::roles::{binary, free_port};
use testkit::{LIMIT, eventually};

const TOKEN: &str = "worker-of-the-bench";
const OPERATOR: &str = "operator-of-the-bench";

/// Requests under way at once while many names are being taken.
const CROWDING: usize = 16;

/// What the service's registers are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Registers {
    /// A folder; a grant is on the disk before it is answered
    File,
    Postgres,
    /// Nothing outlives the process
    Memory,
}

/// The service; killed when dropped.
pub struct Service {
    child: Child,
    pub url: String,
    _folder: TempDir,
    _database: Option<Database>,
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself; what counts is that it is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    pub async fn start(registers: Registers) -> Result<Self> {
        let folder = TempDir::new()?;
        let database = (registers == Registers::Postgres).then(|| real::database("locks"));
        let setting = match (&database, registers) {
            (Some(database), _) => database.url.clone(),
            (None, Registers::Memory) => "memory:".to_owned(),
            (None, _) => format!("file://{}/registers", folder.path().display()),
        };
        let log = folder.path().join("log");
        let listen = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(binary());
        command.arg("locks").env("DROVER_LOCKS__LISTEN", &listen).env("DROVER_TELEMETRY__LOG_LEVEL", "warn");
        command.env("DROVER_LOCKS__TOKEN", TOKEN).env("DROVER_LOCKS__OPERATOR_TOKEN", OPERATOR);
        command.env("DROVER_LOCKS__REGISTERS", setting);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(std::fs::File::create(&log)?);
        let child = command.spawn().context("starting drover locks")?;
        let url = format!("http://{listen}");
        let mut service = Self { child, url, _folder: folder, _database: database };
        let operator = Client::new(&service.url, SecretString::from(OPERATOR));
        eventually(LIMIT, "the lock service answers", async || match service.child.try_wait() {
            Ok(Some(status)) => {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                Ok(Err(anyhow!("drover locks ended, {status}: {said}")))
            }
            _ => operator.list().await.map(Ok),
        })
        .await?;
        Ok(service)
    }

    /// Fails if a lock is still held: the client says nothing of a release that went wrong.
    pub async fn is_free(&self) -> Result<()> {
        let held = Client::new(&self.url, SecretString::from(OPERATOR)).list().await?;
        held.first().map_or(Ok(()), |lock| bail!("{} was not given back", lock.name))
    }

    /// Holds so many locks.
    pub async fn crowd(&self, count: usize) -> Result<Crowd> {
        let client = Client::new(&self.url, SecretString::from(TOKEN)).lease(Duration::from_secs(MAX_LEASE_SECS));
        let name = |number: usize| LockName::Device { host: "crowd".into(), device: number.to_string() };
        let names: Vec<LockName> = (0..count).map(name).collect();
        let requests: Vec<Vec<LockName>> = names.chunks(MAX_NAMES).map(<[LockName]>::to_vec).collect();
        let held = stream::iter(requests)
            .map(async |names| client.acquire(&names, owner(), LIMIT).await)
            .buffer_unordered(CROWDING);
        Ok(Crowd(held.try_collect().await?))
    }
}

/// Locks that are held so that others are not alone.
pub struct Crowd(Vec<Held>);

impl Crowd {
    pub async fn leave(self) {
        stream::iter(self.0).for_each_concurrent(CROWDING, Held::release).await;
    }
}

/// Another one each time: task and attempt are the identity.
fn owner() -> Owner {
    static LAST: AtomicI64 = AtomicI64::new(0);
    let task = TaskId(LAST.fetch_add(1, Ordering::Relaxed) + 1);
    Owner { task, attempt: 1, worker: "bench".into(), host: "bench".into(), step: String::new() }
}

pub struct Drover {
    client: Client,
    owner: Owner,
    held: Option<Held>,
}

impl Peer for Drover {
    async fn connect(url: &str) -> Result<Self> {
        Ok(Self { client: Client::new(url, SecretString::from(TOKEN)), owner: owner(), held: None })
    }

    async fn acquire(&mut self, name: &LockName) -> Result<()> {
        let wait = Duration::from_secs(MAX_WAIT_SECS);
        self.held = Some(self.client.acquire(std::slice::from_ref(name), self.owner.clone(), wait).await?);
        Ok(())
    }

    async fn release(&mut self) -> Result<()> {
        self.held.take().context("nothing is held")?.release().await;
        Ok(())
    }
}
