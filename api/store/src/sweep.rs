//! What time does: leases that run out, waits that end, tasks that nobody takes, grace periods that pass, backups that
//! expire.
//!
//! A task has one timer, `due_at`, and a resource one, `scrub_due_at`; both are indexed, so that a sweep costs what is due
//! and nothing for what is idle.

use crate::Store;
use crate::feed::is_handed_out;
use crate::journal::Request;
use crate::limits::{later, secs_between};
use crate::record::Line;
use crate::refusal::Answer;
use crate::rows::{ResourceRow, TaskRow};
use crate::settle::{End, record};
use crate::unit::Unit;
use errors::{Fault, driver};
use iaas::fleet::Swept;
use model::task::TaskStatus;
use model::{ResourceId, State, TaskId, states};

pub(crate) const DUE_TASKS: &str = "SELECT id FROM tasks WHERE due_at <= $1 ORDER BY due_at LIMIT $2";
pub(crate) const DUE_RESOURCES: &str =
    "SELECT id FROM resources WHERE scrub_due_at <= $1 ORDER BY scrub_due_at LIMIT $2";

/// How much one sweep does of each; the rest is for the next one.
const MOST: i64 = 500;

impl Store {
    /// One round, for the dispatcher that holds the sweep's lease; others get zeros.
    pub async fn sweep(&self, dispatcher: &str) -> Answer<Swept> {
        let dispatcher = dispatcher.to_owned();
        self.write(move |unit| Box::pin(async move { unit.sweep(&dispatcher).await })).await
    }
}

impl Unit {
    async fn sweep(&mut self, dispatcher: &str) -> Answer<Swept> {
        self.flush().await?;
        let mut swept = Swept::default();
        if !self.lead(dispatcher).await? {
            return Ok(swept);
        }
        swept.leader = true;
        for id in self.due(DUE_TASKS).await? {
            if let Some(row) = self.task(TaskId(id)).await? {
                self.sweep_task(row, &mut swept).await?;
            }
        }
        for id in self.due(DUE_RESOURCES).await? {
            match self.resource(ResourceId(id)).await? {
                Some(row) if row.resource.state == State::ScrubQueue => self.sweep_grace(row, &mut swept).await?,
                Some(row) => swept.due += u32::from(self.expire(row).await?),
                None => {}
            }
        }
        self.sweep_drift().await?;
        let (again, failed) = self.sweep_errands().await?;
        swept.expired += again;
        swept.failed += failed;
        self.purge().await?;
        Ok(swept)
    }

    async fn due(&mut self, sql: &'static str) -> Answer<Vec<i64>> {
        let mut line = Line::default();
        line.moment(self.now);
        line.int(MOST);
        self.numbers(sql, line).await
    }

    /// Takes the lease, renews it, or finds that another has it. It is renewed when half of it has passed, so that idle
    /// sweeps write nothing.
    async fn lead(&mut self, dispatcher: &str) -> Answer<bool> {
        let secs = self.limits.sweep_lease_secs;
        let mut line = Line::default();
        line.text(dispatcher);
        line.moment(self.now);
        let sql = "SELECT until_at FROM leases WHERE name = 'sweep' AND (holder <> $1 AND until_at > $2)";
        if !self.numbers(sql, line).await?.is_empty() {
            return Ok(false);
        }
        let mut line = Line::default();
        line.text(dispatcher);
        line.moment(later(self.now, i64::from(secs / 2)));
        let sql = "SELECT until_at FROM leases WHERE name = 'sweep' AND holder = $1 AND until_at > $2";
        if self.numbers(sql, line).await?.is_empty() {
            let mut line = Line::default();
            line.text(dispatcher);
            line.moment(later(self.now, secs));
            let sql = "INSERT INTO leases (name, holder, until_at) VALUES ('sweep', $1, $2) \
                       ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_at = excluded.until_at";
            self.execute(sql, line).await?;
        }
        Ok(true)
    }

    async fn sweep_task(&mut self, row: TaskRow, swept: &mut Swept) -> Answer<()> {
        if row.due_at.is_none_or(|due| due > self.now) {
            return Ok(());
        }
        let resource = self.resource_of(&row).await?;
        match row.task.status {
            TaskStatus::Running => self.sweep_lost(row, resource, swept).await,
            TaskStatus::Queued | TaskStatus::Waiting if row.is_untouched() && row.task.deadline_at <= self.now => {
                swept.failed += 1;
                self.fail_late(row, resource).await
            }
            TaskStatus::Queued => {
                self.sweep_queued(row, &resource, swept);
                Ok(())
            }
            TaskStatus::Waiting => {
                let mut row = row;
                swept.woken += 1;
                self.queue(&mut row, &resource, None);
                self.put_task(row);
                Ok(())
            }
            TaskStatus::Succeeded | TaskStatus::Failed | TaskStatus::Cancelled => Ok(()),
        }
    }

    /// Its worker was silent for the length of its lease.
    async fn sweep_lost(&mut self, mut row: TaskRow, resource: ResourceRow, swept: &mut Swept) -> Answer<()> {
        row.task.lost += 1;
        let step = self.last_step(&row).await?;
        self.abandon_steps(&row).await?;
        let worker = row.task.worker.clone().unwrap_or_else(|| "sweep".into());
        if let Some(by) = row.task.cancel_by.clone() {
            swept.expired += 1;
            return self.end_cancelled(row, resource, &by).await;
        }
        if row.task.lost >= self.limits.lost_most {
            swept.failed += 1;
            let fault = Fault::new(&driver::WORKER_LOST).hole("attempts", row.task.lost).hole("step", &step);
            let error = record(&fault, &row, Some(step));
            return self.end(row, resource, End::Failed(error), &worker).await;
        }
        swept.expired += 1;
        let note = format!("attempt {} lost its worker {worker} in step {step}", row.task.attempts);
        let mut row = row;
        self.queue(&mut row, &resource, Some(note));
        self.put_task(row);
        Ok(())
    }

    /// No attempt had begun when its time was over.
    async fn fail_late(&mut self, row: TaskRow, resource: ResourceRow) -> Answer<()> {
        let waiting = row.task.waiting_for.as_ref().map(|waiting| waiting.reason.clone());
        let reason = waiting.or_else(|| row.waited.as_ref().map(|(reason, _)| reason.clone()));
        let reason = reason.unwrap_or_else(|| {
            let seen = self.servers.get(&row.task.server_id).and_then(|row| row.server.worker.as_ref());
            crate::task::worker_silence(&row.task.host, seen.map(|report| report.seen_at), self.now)
        });
        let secs = secs_between(row.task.requested_at, row.task.deadline_at);
        let fault = Fault::new(&driver::TASK_DEADLINE).hole("deadline_secs", secs).hole("waiting_for", reason);
        let error = record(&fault, &row, None);
        self.end(row, resource, End::Failed(error), "sweep").await
    }

    /// Nobody claimed it. One that no dispatcher has taken yet keeps its place in the feed.
    fn sweep_queued(&mut self, mut row: TaskRow, resource: &ResourceRow, swept: &mut Swept) {
        if is_handed_out(&row, self.counters.dispatch) {
            swept.unclaimed += 1;
            row.handed_out = row.handed_out.saturating_add(1);
            self.hand_out(&mut row, resource, None);
        } else {
            row.queued_at = self.now;
        }
        self.put_task(row);
    }

    /// The resource can no longer be restored: its scrub begins.
    async fn sweep_grace(&mut self, mut row: ResourceRow, swept: &mut Swept) -> Answer<()> {
        let passed = row.scrub_due_at.is_some_and(|due| due <= self.now);
        let found =
            states::row(row.resource.kind, State::ScrubQueue).filter(|_| row.resource.state == State::ScrubQueue);
        let Some(found) = found.filter(|_| passed) else { return Ok(()) };
        let request =
            Request { by: "grace period".into(), from: Some(State::ScrubQueue), traceparent: None, dry_run: false };
        let mut task = self.new_task(&row, found.verb, request).await?;
        swept.due += 1;
        row.scrub_due_at = None;
        row.resource.task_id = Some(task.task.id);
        row.resource.version.0 += 1;
        row.resource.updated_at = self.now;
        self.queue(&mut task, &row, None);
        self.put_resource(row);
        self.put_task(task);
        Ok(())
    }

    /// Removes answers and events that nobody will ask for.
    async fn purge(&mut self) -> Answer<()> {
        let oldest = later(self.now, -3600 * i64::from(self.limits.idempotency_hours));
        let mut line = Line::default();
        line.moment(oldest);
        let sql = "SELECT made_at FROM idempotency WHERE made_at <= $1 LIMIT 1";
        if !self.numbers(sql, line).await?.is_empty() {
            let mut line = Line::default();
            line.moment(oldest);
            self.execute("DELETE FROM idempotency WHERE made_at <= $1", line).await?;
        }
        // Numbers are in the order of time: when the very oldest event stays, all stay.
        if self.last_aged(1).await?.is_some()
            && let Some(last) = self.last_aged(4 * MOST).await?
        {
            let mut line = Line::default();
            line.int(last);
            self.execute("DELETE FROM events WHERE seq <= $1", line).await?;
        }
        Ok(())
    }

    /// The newest of the oldest so many events that is too old and was handed out.
    async fn last_aged(&mut self, among: i64) -> Answer<Option<i64>> {
        let Some(days) = self.limits.event_days else { return Ok(None) };
        let mut line = Line::default();
        line.int(self.counters.dispatch);
        line.moment(later(self.now, -86_400 * i64::from(days)));
        line.int(among);
        let sql = "SELECT e.seq FROM (SELECT seq, at FROM events WHERE seq <= $1 ORDER BY seq LIMIT $3) e \
                   WHERE e.at <= $2 ORDER BY e.seq DESC LIMIT 1";
        Ok(self.numbers(sql, line).await?.pop())
    }
}
