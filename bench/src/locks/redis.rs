//! Redis: a key that is set if it is not there, and deleted by whoever set it. It has no line: who waits, polls.

use super::Peer;
use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, Script};
use anyhow::{Result, bail};
use model::lock::LockName;
use std::time::Duration;
use uuid::Uuid;

/// How often a waiter asks.
const POLL: Duration = Duration::from_millis(10);

/// That, for notes.
pub const POLLS: &str = " (polls every 10 ms)";

const LEASE: Duration = Duration::from_secs(30);

/// Somebody else's lock stays: the own lease may have run out.
const RELEASE: &str =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";

pub struct Redis {
    connection: MultiplexedConnection,
    release: Script,
    name: String,
    token: String,
}

impl Peer for Redis {
    async fn connect(url: &str) -> Result<Self> {
        // Each write waits for the disk.
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(LEASE));
        let connection = Client::open(url)?.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Self { connection, release: Script::new(RELEASE), name: String::new(), token: String::new() })
    }

    async fn acquire(&mut self, name: &LockName) -> Result<()> {
        self.name = name.to_string();
        self.token = Uuid::new_v4().to_string();
        let mut set = ::redis::cmd("SET");
        set.arg(&self.name).arg(&self.token).arg("NX").arg("PX").arg(LEASE.as_millis() as u64);
        while set.query_async::<Option<String>>(&mut self.connection).await?.is_none() {
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    async fn release(&mut self) -> Result<()> {
        let mut release = self.release.key(&self.name);
        let freed: u32 = release.arg(&self.token).invoke_async(&mut self.connection).await?;
        if freed != 1 {
            bail!("{} was not held", self.name);
        }
        Ok(())
    }
}
