//! Entries in PostgreSQL, shared by several service processes that take turns.
//!
//! Flow: each process is a member with a slot of its own. To add entries it sends a contender through the algorithm
//! ([`crate::peterson`]), one statement a register access; inside, it reads what others have added and adds its own. It
//! stays inside until another says that it wants the turn. Notifications wake: waiting for the turn, and reading entries.
//!
//! Guarantees: an entry's place in the journal is taken once, whatever a process believes: an entry is added after the
//! newest or not at all, and whoever was paused inside and goes on after another has taken over finds its place taken. That
//! is the check at the resource; the turn is what makes it never fail among processes that run.
//!
//! Assumptions: a member beats; one that is silent for [`super::watch::SILENCE`] by another's clock is put out, and its
//! flags are lowered for it; one whose connection has gone, at the next beat. A member that was put out writes no register
//! any more. Registers and members need not outlive the database's power, so they are written without waiting for its
//! disk; entries are.

use super::watch::{BEAT, BURY, LOWER, Seen, Watch};
use super::{Caught, Heard, Unwritten, away};
use crate::entry::Entry;
use crate::pace::Pace;
use crate::peterson::{Access, Bit, Contender, Flag, Mark, Place, Progress, Side, Slot};
use crate::table::Table;
use errors::Fault;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Row};
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tracing::{debug, warn};

/// Each beat says what time the member has; who sees it late is late by as much, and a member whose beats are seen no more
/// is put out.
pub(super) const GRACE: Duration = Duration::from_secs(3);

/// How long one that waits for the turn trusts in being woken.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How long the database may take to answer: a connection that was cut off says nothing.
const ANSWER: Duration = Duration::from_secs(5);

/// How many batches are kept one by one, and more if the table is large: a tenth of its requests.
const COMPACT_BATCHES: usize = 1_000;
/// How many are kept beside the table, so that a process that is a little behind need not read all of it.
const KEPT_BATCHES: i64 = 100;

/// Nobody else's number: two processes that start at once must not make the tables both.
const SETTING_UP: i64 = 0x6472_6f76_6572;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS locks_journal (seq BIGINT PRIMARY KEY, process BIGINT NOT NULL, entries TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS locks_table (id INT PRIMARY KEY CHECK (id = 1), seq BIGINT NOT NULL, content TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS locks_member (
        slot INT PRIMARY KEY, process BIGINT NOT NULL UNIQUE, backend INT NOT NULL, beat BIGINT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS locks_register (
        tree INT NOT NULL, height INT NOT NULL, node INT NOT NULL, side INT NOT NULL,
        flag INT NOT NULL, process BIGINT NOT NULL, PRIMARY KEY (tree, height, node, side)
    );
";

pub(crate) struct InPostgres {
    options: PgConnectOptions,
    /// For registers and members.
    quick: PgConnection,
    /// For entries.
    durable: PgConnection,
    ears: PgListener,
    process: i64,
    contender: Contender,
    /// The newest entries that this process has applied.
    applied: i64,
    /// The newest entries that the kept table has.
    compacted: i64,
    alone: bool,
    pace: Pace,
    seen: Arc<Seen>,
    watch: JoinHandle<()>,
}

impl InPostgres {
    pub async fn open(url: &str, pace: &Pace) -> Result<(Self, Table), Fault> {
        // A statement that hangs would hold everyone up.
        let options = PgConnectOptions::from_str(url)
            .map_err(away)?
            .options([("statement_timeout", "10000"), ("client_min_messages", "warning")]);
        let mut durable = options.connect().answered().await?;
        let mut setup = durable.begin().answered().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(SETTING_UP).execute(&mut *setup).answered().await?;
        setup.execute(sqlx::raw_sql(TABLES)).answered().await?;
        setup.commit().answered().await?;
        let quick = quick(&options).await?;
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options.clone());
        let mut ears = PgListener::connect_with(&pool).answered().await?;
        ears.listen_all(["locks_journal", "locks_turn"]).answered().await?;
        let mut ledger = Self {
            options,
            quick,
            durable,
            ears,
            process: 0,
            contender: Contender::new(Slot(0)),
            applied: 0,
            compacted: 0,
            alone: true,
            pace: pace.clone(),
            seen: Arc::default(),
            watch: tokio::spawn(async {}),
        };
        ledger.join().await?;
        let mut table = ledger.read_table().await?;
        match ledger.catch_up().await? {
            Caught::Whole(newer) => table = *newer,
            Caught::Entries(entries) => table.replay(&entries),
        }
        ledger.meet().await?;
        Ok((ledger, table))
    }

    /// Waits for a fresh beat of each of the others, or until it is put out: from then on this process has the time.
    async fn meet(&mut self) -> Result<(), Fault> {
        let query = "SELECT process, beat FROM locks_member WHERE process <> $1";
        let first: Vec<(i64, i64)> =
            sqlx::query_as(query).bind(self.process).fetch_all(&mut self.quick).answered().await?;
        self.alone = first.is_empty();
        loop {
            let now: Vec<(i64, i64)> =
                sqlx::query_as(query).bind(self.process).fetch_all(&mut self.quick).answered().await?;
            if !first.iter().any(|member| now.contains(member)) {
                now.iter().for_each(|(_, beat)| self.pace.saw(time(*beat)));
                return Ok(());
            }
            tokio::time::sleep(BEAT / 5).await;
        }
    }

    pub fn is_alone(&self) -> bool {
        self.alone
    }

    /// Becomes a member, in the lowest slot that is free.
    async fn join(&mut self) -> Result<(), Fault> {
        self.watch.abort();
        // What this process was before it was put out, or believed that it was.
        let before = sqlx::query("DELETE FROM locks_member WHERE process = $1").bind(self.process);
        before.execute(&mut self.quick).answered().await?;
        self.process = (uuid::Uuid::new_v4().as_u64_pair().0 >> 1) as i64;
        let backend: i32 =
            sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut self.durable).answered().await?;
        for left in [BURY, LOWER] {
            sqlx::query(left).execute(&mut self.quick).answered().await?;
        }
        let slot = loop {
            let taken: Vec<i32> = sqlx::query_scalar("SELECT slot FROM locks_member ORDER BY slot")
                .fetch_all(&mut self.quick)
                .answered()
                .await?;
            let free =
                (0..).zip(&taken).find(|(slot, taken)| slot != *taken).map_or(taken.len() as i32, |(slot, _)| slot);
            let joined = sqlx::query("INSERT INTO locks_member VALUES ($1, $2, $3, 0) ON CONFLICT DO NOTHING")
                .bind(free)
                .bind(self.process)
                .bind(backend)
                .execute(&mut self.quick)
                .answered()
                .await?;
            if joined.rows_affected() == 1 {
                break free;
            }
        };
        debug!(slot, process = self.process, "joined");
        self.contender = Contender::new(Slot(slot as u32));
        self.seen = Arc::default();
        self.seen.applied.store(self.applied, Ordering::Release);
        let watch =
            Watch { process: self.process, pace: self.pace.clone(), seen: self.seen.clone(), beats: HashMap::new() };
        self.watch = tokio::spawn(watch.run(quick(&self.options).await?));
        Ok(())
    }

    fn is_put_out(&self) -> bool {
        self.seen.put_out.load(Ordering::Acquire)
    }

    fn has_applied(&mut self, seq: i64) {
        self.applied = seq;
        self.seen.applied.store(seq, Ordering::Release);
    }

    pub async fn turn(&mut self) -> Result<Option<Caught>, Fault> {
        if self.contender.is_inside() && !self.is_put_out() {
            return Ok(None);
        }
        let mut said: Option<Instant> = None;
        loop {
            if self.is_put_out() {
                self.join().await?;
            }
            let progress = match self.contender.access() {
                None => break,
                Some(Access::Write(place, mark)) => {
                    if !self.write(place, mark).await? {
                        self.seen.put_out.store(true, Ordering::Release);
                        continue;
                    }
                    self.contender.answered(None)
                }
                Some(Access::Read(place)) => {
                    let seen = self.read(place).await?;
                    self.contender.answered(seen)
                }
            };
            if progress == Progress::Waits {
                // Who is inside may not have listened, so it is told again; not at once in answer to another that waits,
                // or the two would wake each other without an end.
                if said.is_none_or(|said| said.elapsed() >= LOOK_AGAIN) {
                    self.notify("locks_turn").await?;
                    said = Some(Instant::now());
                }
                // Entries that are heard of here are read once inside.
                if let Ok(heard) = tokio::time::timeout(LOOK_AGAIN, self.ears.recv()).await {
                    heard.map_err(away)?;
                }
            }
        }
        self.catch_up().await.map(Some)
    }

    /// Whether it was written: not by a member that was put out.
    async fn write(&mut self, place: Place, mark: Mark) -> Result<bool, Fault> {
        let [tree, height, node, side] = address(place);
        let written = match mark {
            Some(flag) => {
                let query = sqlx::query(
                    "INSERT INTO locks_register SELECT $1, $2, $3, $4, $5, process FROM locks_member WHERE process = $6
                     ON CONFLICT (tree, height, node, side) DO UPDATE SET flag = excluded.flag, process = excluded.process",
                );
                query.bind(tree).bind(height).bind(node).bind(side).bind(number(flag)).bind(self.process)
            }
            None => {
                let query = sqlx::query(
                    "DELETE FROM locks_register WHERE tree = $1 AND height = $2 AND node = $3 AND side = $4 AND process = $5",
                );
                query.bind(tree).bind(height).bind(node).bind(side).bind(self.process)
            }
        };
        Ok(written.execute(&mut self.quick).answered().await?.rows_affected() == 1)
    }

    async fn read(&mut self, place: Place) -> Result<Mark, Fault> {
        let [tree, height, node, side] = address(place);
        let query = "SELECT flag FROM locks_register WHERE tree = $1 AND height = $2 AND node = $3 AND side = $4";
        let query = sqlx::query_scalar::<_, i32>(query).bind(tree).bind(height).bind(node).bind(side);
        let found = query.fetch_optional(&mut self.quick).answered().await?;
        found.map(|number| flag(number).ok_or_else(|| away(format!("a register holds {number}")))).transpose()
    }

    async fn notify(&mut self, channel: &'static str) -> Result<(), Fault> {
        let query = sqlx::query("SELECT pg_notify($1, $2)").bind(channel).bind(self.process.to_string());
        query.execute(&mut self.quick).answered().await.map(drop)
    }

    pub async fn give(&mut self) -> Result<(), Fault> {
        if !self.contender.is_inside() {
            return Ok(());
        }
        self.contender.leave();
        while let Some(Access::Write(place, mark)) = self.contender.access() {
            // Who was put out has no flags any more.
            self.write(place, mark).await?;
            self.contender.answered(None);
        }
        self.contender = Contender::new(self.contender.slot());
        self.notify("locks_turn").await
    }

    pub async fn append(&mut self, entries: &[Entry]) -> Result<(), Unwritten> {
        let text = serde_json::to_string(entries).map_err(|error| Unwritten::Away(away(error)))?;
        let query = sqlx::query(
            "WITH added AS (
                 INSERT INTO locks_journal SELECT $1, $2, $3
                 WHERE NOT EXISTS (SELECT FROM locks_journal WHERE seq >= $1) RETURNING process
             ) SELECT pg_notify('locks_journal', process::text) FROM added",
        );
        let query = query.bind(self.applied + 1).bind(self.process).bind(text);
        match query.execute(&mut self.durable).limited().await.map_err(Unwritten::Away)? {
            Ok(added) if added.rows_affected() == 1 => {
                self.has_applied(self.applied + 1);
                return Ok(());
            }
            Ok(_) => {}
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {}
            Err(error) => return Err(Unwritten::Away(away(error))),
        }
        warn!(seq = self.applied + 1, "another process took over while this one was inside");
        self.give().await.map_err(Unwritten::Away)?;
        Err(Unwritten::Behind)
    }

    pub async fn hear(&mut self) -> Result<Heard, Fault> {
        loop {
            let heard = tokio::select! {
                heard = self.ears.try_recv() => heard.map_err(away)?,
                () = self.seen.missed.notified() => None,
            };
            match heard {
                Some(heard) if heard.payload() == self.process.to_string() => {}
                Some(heard) if heard.channel() == "locks_journal" => return Ok(Heard::Added),
                Some(_) => return Ok(Heard::Wanted),
                // Whatever was said while nobody listened.
                None => return Ok(Heard::Both),
            }
        }
    }

    pub async fn catch_up(&mut self) -> Result<Caught, Fault> {
        let rows = sqlx::query("SELECT seq, entries FROM locks_journal WHERE seq > $1 ORDER BY seq")
            .bind(self.applied)
            .fetch_all(&mut self.durable)
            .answered()
            .await?;
        if rows.first().is_some_and(|row| row.get::<i64, _>(0) != self.applied + 1) {
            let mut table = self.read_table().await?;
            let Caught::Entries(entries) = Box::pin(self.catch_up()).await? else {
                return Err(away("the journal has a gap after the kept table"));
            };
            table.replay(&entries);
            return Ok(Caught::Whole(Box::new(table)));
        }
        let mut entries: Vec<Entry> = Vec::new();
        for row in rows {
            entries.extend(serde_json::from_str::<Vec<Entry>>(row.get(1)).map_err(away)?);
            self.has_applied(row.get(0));
        }
        Ok(Caught::Entries(entries))
    }

    async fn read_table(&mut self) -> Result<Table, Fault> {
        let row = sqlx::query("SELECT seq, content FROM locks_table").fetch_optional(&mut self.durable).answered();
        let Some(row) = row.await? else { return Ok(Table::default()) };
        self.has_applied(row.get(0));
        self.compacted = self.applied;
        serde_json::from_str(row.get(1)).map_err(away)
    }

    pub async fn compact(&mut self, table: &Table) -> Result<(), Fault> {
        let batches = COMPACT_BATCHES.max(table.requests() / 10) as i64;
        if self.applied - self.compacted < batches {
            return Ok(());
        }
        let content = serde_json::to_string(table).map_err(away)?;
        let mut change = self.durable.begin().answered().await?;
        // Two that compact at once, one of them put out: the newer table stays.
        let query = "INSERT INTO locks_table VALUES (1, $1, $2) ON CONFLICT (id) DO UPDATE
                     SET seq = excluded.seq, content = excluded.content WHERE locks_table.seq < excluded.seq";
        sqlx::query(query).bind(self.applied).bind(content).execute(&mut *change).answered().await?;
        let query = sqlx::query("DELETE FROM locks_journal WHERE seq <= $1").bind(self.applied - KEPT_BATCHES);
        query.execute(&mut *change).answered().await?;
        change.commit().answered().await?;
        self.compacted = self.applied;
        Ok(())
    }

    pub async fn close(mut self) {
        self.watch.abort();
        let query = sqlx::query("DELETE FROM locks_member WHERE process = $1").bind(self.process);
        let left = async {
            self.give().await?;
            query.execute(&mut self.quick).answered().await
        };
        if let Err(fault) = left.await {
            debug!(reason = fault.chain(), "the others find out by themselves that this process has gone");
        }
    }
}

impl Drop for InPostgres {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

/// A statement that is not waited for without an end.
pub(super) trait Answered<T>: Future<Output = sqlx::Result<T>> + Sized {
    async fn answered(self) -> Result<T, Fault> {
        self.limited().await?.map_err(away)
    }

    /// For whom the database's own no is an answer.
    async fn limited(self) -> Result<sqlx::Result<T>, Fault> {
        let silent = |_| away(format!("the database did not answer within {} s", ANSWER.as_secs()));
        tokio::time::timeout(ANSWER, self).await.map_err(silent)
    }
}

impl<T, F: Future<Output = sqlx::Result<T>>> Answered<T> for F {}

/// A connection whose commits do not wait for the disk.
async fn quick(options: &PgConnectOptions) -> Result<PgConnection, Fault> {
    options.clone().options([("synchronous_commit", "off")]).connect().answered().await
}

/// Of a beat.
pub(super) fn time(beat: i64) -> Duration {
    Duration::from_micros(beat.unsigned_abs())
}

/// A register's key.
fn address(place: Place) -> [i32; 4] {
    let side = match place.side {
        Side::Left => 0,
        Side::Right => 1,
    };
    [place.group as i32, place.height as i32, place.index as i32, side]
}

fn number(flag: Flag) -> i32 {
    match flag {
        Flag::Raised => 1,
        Flag::Gave(Bit::Zero) => 2,
        Flag::Gave(Bit::One) => 3,
    }
}

fn flag(number: i32) -> Mark {
    match number {
        1 => Some(Flag::Raised),
        2 => Some(Flag::Gave(Bit::Zero)),
        3 => Some(Flag::Gave(Bit::One)),
        _ => None,
    }
}
