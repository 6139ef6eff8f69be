//! PostgreSQL: an advisory lock in a session of its own. In memory by nature: a restart of the server frees them all.

use super::Peer;
use anyhow::{Result, bail};
use model::lock::LockName;
use sqlx::{Connection, PgConnection};

pub struct Postgres {
    session: PgConnection,
    held: String,
}

impl Peer for Postgres {
    async fn connect(url: &str) -> Result<Self> {
        Ok(Self { session: PgConnection::connect(url).await?, held: String::new() })
    }

    async fn acquire(&mut self, name: &LockName) -> Result<()> {
        self.held = name.to_string();
        let locked = sqlx::query("SELECT pg_advisory_lock(hashtextextended($1, 0))").bind(&self.held);
        locked.execute(&mut self.session).await?;
        Ok(())
    }

    async fn release(&mut self) -> Result<()> {
        let freed = sqlx::query_scalar("SELECT pg_advisory_unlock(hashtextextended($1, 0))").bind(&self.held);
        if !freed.fetch_one(&mut self.session).await? {
            bail!("{} was not held", self.held);
        }
        Ok(())
    }
}
