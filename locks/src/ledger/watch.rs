//! Who is alive among the service processes that share a database: each beats with the time that it has, puts out those that
//! do not, and looks after what its writer should have heard.

use super::postgres::{Answered, time};
use crate::pace::Pace;
use errors::Fault;
use sqlx::PgConnection;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tracing::warn;

/// How long a member may be silent.
const SILENCE: Duration = Duration::from_secs(2);
pub(super) const BEAT: Duration = Duration::from_millis(250);

/// A member whose connection for entries is gone is dead, or has begun again as another: it need not be waited for.
pub(super) const BURY: &str = "DELETE FROM locks_member WHERE backend NOT IN (SELECT pid FROM pg_stat_activity)";
/// Of those that were put out, and of those that left without lowering their flags.
pub(super) const LOWER: &str = "DELETE FROM locks_register WHERE process NOT IN (SELECT process FROM locks_member)";

/// What the watch has seen, for the writer.
#[derive(Default)]
pub(super) struct Seen {
    pub put_out: AtomicBool,
    /// The newest entries of which the writer knows.
    pub applied: AtomicI64,
    /// Entries or a wish of which the writer has not heard, though it should have.
    pub missed: Notify,
}

/// Beats for this process, and puts out members that do not.
pub(super) struct Watch {
    pub process: i64,
    pub pace: Pace,
    pub seen: Arc<Seen>,
    /// Each member's newest beat, and when it was first seen by this process's clock.
    pub beats: HashMap<i64, (i64, Instant)>,
}

impl Watch {
    pub async fn run(mut self, mut connection: PgConnection) {
        loop {
            match self.round(&mut connection).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(fault) => {
                    warn!(reason = fault.chain(), "this process cannot beat any more");
                    break;
                }
            }
            tokio::time::sleep(BEAT).await;
        }
        self.seen.put_out.store(true, Ordering::Release);
    }

    /// Whether this process is still a member.
    async fn round(&mut self, connection: &mut PgConnection) -> Result<bool, Fault> {
        let now = i64::try_from(self.pace.now().as_micros()).unwrap_or(i64::MAX);
        let beaten = sqlx::query("UPDATE locks_member SET beat = greatest(beat + 1, $2) WHERE process = $1");
        let beaten = beaten.bind(self.process).bind(now);
        if beaten.execute(&mut *connection).answered().await?.rows_affected() == 0 {
            return Ok(false);
        }
        if sqlx::query(BURY).execute(&mut *connection).answered().await?.rows_affected() > 0 {
            warn!("a member has died");
        }
        let members: Vec<(i64, i64)> =
            sqlx::query_as("SELECT process, beat FROM locks_member").fetch_all(&mut *connection).answered().await?;
        self.beats.retain(|process, _| members.iter().any(|(member, _)| member == process));
        let now = Instant::now();
        for (process, beat) in members {
            if process != self.process {
                self.pace.saw(time(beat));
            }
            let seen = self.beats.entry(process).or_insert((beat, now));
            if seen.0 != beat {
                *seen = (beat, now);
            } else if now - seen.1 > SILENCE && process != self.process {
                warn!(process, "a member is silent: its turn is taken from it");
                sqlx::query("DELETE FROM locks_member WHERE process = $1")
                    .bind(process)
                    .execute(&mut *connection)
                    .answered()
                    .await?;
            }
        }
        if sqlx::query(LOWER).execute(&mut *connection).answered().await?.rows_affected() > 0 {
            let wake = sqlx::query("SELECT pg_notify('locks_turn', '')");
            wake.execute(&mut *connection).answered().await?;
        }
        let query = "SELECT coalesce((SELECT max(seq) FROM locks_journal), 0),
                            EXISTS (SELECT FROM locks_register WHERE process <> $1)";
        let (newest, wanted): (i64, bool) =
            sqlx::query_as(query).bind(self.process).fetch_one(&mut *connection).answered().await?;
        if wanted || newest > self.seen.applied.load(Ordering::Acquire) {
            self.seen.missed.notify_one();
        }
        Ok(true)
    }
}
