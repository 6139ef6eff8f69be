//! All SQL of drover: the truth about projects, servers, images, resources, tasks, events and tokens, on SQLite or
//! PostgreSQL, through the same statements and the same migrations.
//!
//! Invariant: each public function is one transaction or one read; a state, its task, its history and its events change
//! together or not at all, and nothing outside this crate knows a table.
//!
//! # Flow
//! Every write goes through the one writer of the process (`writer.rs`), which takes all that wait (at most 64) into one
//! transaction. Its first statement takes the lock row `counters`, so that writers of several processes follow one
//! another; ids and event numbers are given out under that lock.
//!
//! # Guarantees
//! An answer is given after the commit. The numbers of the feed rise by one, without gaps, in the order of commits. A
//! refused operation changes nothing and does not touch the others of its transaction.
//!
//! # Errors
//! A [`Refusal`] holds a fault of the catalogue; whatever the database says becomes `STORE_UNAVAILABLE`.

mod ask;
mod assignment;
mod backup;
mod cancel;
mod change;
mod claim;
mod connect;
mod create;
mod drift;
mod errand;
mod feed;
mod fleet;
mod gpu;
mod image;
mod journal;
mod kept;
mod limits;
mod migrate;
mod network;
mod orphan;
mod page;
mod pair;
mod place;
mod project;
mod record;
mod refusal;
mod resource;
mod rows;
mod server;
mod settle;
mod snapshot;
mod step;
mod sweep;
mod tally;
mod task;
mod token;
mod unit;
mod wait;
mod who;
mod wish;
mod writer;

#[cfg(test)]
mod tests;

pub use limits::{Clock, Limits};
pub use place::{Candidate, Want, place};
pub use refusal::{Answer, Refusal};
pub use who::Who;

use futures::future::BoxFuture;
use model::{EventSeq, Moment};
use sqlx::AnyPool;
use std::sync::Arc;
use tokio::sync::watch;

/// A client's own key for a create: asking again with it gives the first answer again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    pub key: String,
    pub token_id: i64,
    /// Of the request's body, so that a key used for something else is found out.
    pub request_hash: String,
}

/// The database of one process. Clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    pool: AnyPool,
    writer: writer::Writer,
    limits: Arc<Limits>,
    clock: Clock,
    /// The newest event that this process has committed.
    newest: watch::Sender<EventSeq>,
    /// Whether other processes may write to the same database.
    shared: bool,
    tokens: token::Cache,
}

impl Store {
    /// Opens `sqlite:///folder/file.db`, which is made when it is missing, or `postgres://...`, and brings its schema
    /// up to date. Refused with `STORE_NEWER` when a newer drover has used it.
    pub async fn open(url: &str, limits: Limits) -> Answer<Self> {
        Self::open_with(url, limits, Arc::new(Moment::now)).await
    }

    /// With a clock of the caller's, so that time can be moved without waiting for it.
    pub async fn open_with(url: &str, limits: Limits, clock: Clock) -> Answer<Self> {
        let target = connect::Target::parse(url)?;
        migrate::run(&target).await?;
        let pool = target.pool(limits.readers).await?;
        let limits = Arc::new(limits);
        let newest = watch::Sender::new(feed::newest(&pool).await?);
        let shared = target.is_shared();
        let writer = writer::Writer::start(target, Arc::clone(&limits), Arc::clone(&clock), newest.clone());
        let tokens = token::Cache::default();
        Ok(Self { inner: Arc::new(Inner { pool, writer, limits, clock, newest, shared, tokens }) })
    }

    /// Ends the writer after what it has begun, and gives the connections back.
    pub async fn close(&self) {
        self.inner.writer.close().await;
        self.inner.pool.close().await;
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Answer<()> {
        sqlx::query("SELECT event FROM counters").fetch_one(&self.inner.pool).await?;
        Ok(())
    }

    /// The store's clock, to the microsecond, as it is kept.
    pub fn now(&self) -> Moment {
        limits::now(&self.inner.clock)
    }

    /// One operation, on the writer; answers after its commit.
    async fn write<T, F>(&self, operation: F) -> Answer<T>
    where
        T: Send + 'static,
        F: for<'u> FnOnce(&'u mut unit::Unit) -> BoxFuture<'u, Answer<T>> + Send + 'static,
    {
        self.inner.writer.run(operation).await
    }

    fn pool(&self) -> &AnyPool {
        &self.inner.pool
    }
}
