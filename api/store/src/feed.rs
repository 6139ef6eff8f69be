//! The feed: the events in the order of commits, for those who watch; and the tasks to dispatch, each handed out once.

use crate::record::Line;
use crate::refusal::Answer;
use crate::rows::TaskRow;
use crate::unit::{Unit, select};
use crate::{Store, Who};
use model::event::Event;
use model::task::Task;
use model::{EventSeq, ProjectId, TaskId};
use sqlx::{AnyPool, Row};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How often a process looks for what others have written; only while someone waits.
const LOOK: Duration = Duration::from_millis(200);
const MOST: u32 = 1000;

pub(crate) const HAS_QUEUED: &str =
    "SELECT e.seq FROM events e, counters c WHERE e.event = 'task_queued' AND e.seq > c.dispatch LIMIT 1";
/// A cross join is read from left to right by SQLite: from the cursor on, not through all that is queued.
pub(crate) const QUEUED: &str = "CROSS JOIN tasks q WHERE q.id = t.task_id AND t.event = 'task_queued' AND t.seq > $1 \
                    AND q.status = 'queued' AND q.queued_seq = t.seq ORDER BY t.seq LIMIT $2";

/// The newest event of all processes.
pub(crate) async fn newest(pool: &AnyPool) -> Answer<EventSeq> {
    let row = sqlx::query("SELECT event FROM counters").fetch_one(pool).await?;
    Ok(EventSeq(row.try_get(0)?))
}

/// Whether a dispatcher has taken the event that queued the task last.
pub(crate) fn is_handed_out(row: &TaskRow, dispatched: i64) -> bool {
    row.queued_seq.0 <= dispatched
}

impl Store {
    /// Events after a number, oldest first; of one project when it is named. At most 1,000.
    pub async fn events_after(&self, after: EventSeq, limit: u32, project: Option<ProjectId>) -> Answer<Vec<Event>> {
        let mut line = Line::default();
        line.int(after.0);
        line.int(limit.clamp(1, MOST));
        let tail = match project {
            Some(project) => {
                line.int(project.0);
                "WHERE t.seq > $1 AND t.project_id = $3 ORDER BY t.seq LIMIT $2"
            }
            None => "WHERE t.seq > $1 ORDER BY t.seq LIMIT $2",
        };
        select(self.pool(), tail, line).await
    }

    pub async fn last_seq(&self) -> Answer<EventSeq> {
        newest(self.pool()).await
    }

    /// Waits for an event after this number, at most so long; answers with the newest number that is known then.
    pub async fn changed(&self, after: EventSeq, limit: Duration) -> EventSeq {
        let end = Instant::now() + limit;
        let mut seen = self.inner.newest.subscribe();
        loop {
            let look = if self.inner.shared { end.min(Instant::now() + LOOK) } else { end };
            let known = match timeout_at(look, seen.wait_for(|seq| *seq > after)).await {
                Ok(Ok(seq)) => return *seq,
                // The sender lives as long as the store does.
                Ok(Err(_)) => return after,
                Err(_) => *self.inner.newest.borrow(),
            };
            if Instant::now() >= end {
                return known;
            }
            // An outage shows where the events are read; here it is only one more round of waiting.
            if let Ok(seq) = newest(self.pool()).await {
                self.inner.newest.send_if_modified(|newest| {
                    let is_newer = seq > *newest;
                    *newest = seq.max(*newest);
                    is_newer
                });
            }
        }
    }

    /// The task when it has ended, or as it is when the time is over.
    pub async fn task_settled(&self, id: TaskId, who: &Who, limit: Duration) -> Answer<Task> {
        let end = Instant::now() + limit;
        loop {
            let seq = self.last_seq().await?;
            let task = self.task_read(id, who).await?;
            let left = end.saturating_duration_since(Instant::now());
            if task.status.has_ended() || left.is_zero() {
                return Ok(task);
            }
            self.changed(seq, left).await;
        }
    }

    /// The next tasks to dispatch, for all dispatchers together: `task_queued` events after the shared cursor, without
    /// those whose task has gone on or was queued again since. Each is handed out once; the sweep hands out again what
    /// was not claimed.
    pub async fn feed_take(&self, limit: u32) -> Answer<Vec<Event>> {
        let limit = limit.clamp(1, MOST);
        self.write(move |unit| Box::pin(async move { unit.feed_take(limit).await })).await
    }

    /// As [`Store::feed_take`], waiting for the first one.
    pub async fn feed_wait(&self, limit: u32, wait: Duration) -> Answer<Vec<Event>> {
        let end = Instant::now() + wait;
        loop {
            let seq = self.last_seq().await?;
            let events = if self.has_queued().await? { self.feed_take(limit).await? } else { Vec::new() };
            let left = end.saturating_duration_since(Instant::now());
            if !events.is_empty() || left.is_zero() {
                return Ok(events);
            }
            self.changed(seq, left).await;
        }
    }

    /// Whether there is anything after the cursor: an idle dispatcher takes no writer's lock.
    async fn has_queued(&self) -> Answer<bool> {
        Ok(sqlx::query(HAS_QUEUED).fetch_optional(self.pool()).await?.is_some())
    }
}

impl Unit {
    async fn feed_take(&mut self, limit: u32) -> Answer<Vec<Event>> {
        self.flush().await?;
        let mut line = Line::default();
        line.int(self.counters.dispatch);
        line.int(limit);
        let events: Vec<Event> = self.select(QUEUED, line).await?;
        let full = events.len() >= limit as usize;
        self.counters.dispatch = match events.last() {
            Some(last) if full => last.seq.0,
            _ => self.counters.event,
        };
        Ok(events)
    }
}
