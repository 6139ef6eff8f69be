//! A worker's attempt: claimed, and kept alive.

use crate::limits::later;
use crate::refusal::{Answer, Refusal};
use crate::rows::TaskRow;
use crate::unit::Unit;
use crate::{Store, Who};
use iaas::fleet::{Claim, Claimed, Progress, Renewed};
use model::event::EventKind;
use model::task::TaskStatus;
use model::{Fence, State, TaskId};

impl Store {
    /// Begins an attempt: compare-and-swap on the task's status and the resource's version and state. Of two claims one
    /// gets the fence, the other `CLAIM_REFUSED`.
    pub async fn task_claim(&self, id: TaskId, claim: Claim, who: &Who) -> Answer<Claimed> {
        let who = who.clone();
        self.write(move |unit| Box::pin(async move { unit.claim(id, claim, &who).await })).await
    }

    /// Renews the lease and keeps the steps. Refused with `FENCE_REFUSED` when another attempt took over, or the task is
    /// no longer worked: the attempt stops.
    pub async fn task_progress(&self, id: TaskId, progress: Progress, who: &Who) -> Answer<Renewed> {
        let who = who.clone();
        self.write(move |unit| Box::pin(async move { unit.progress(id, progress, &who).await })).await
    }
}

impl Unit {
    async fn claim(&mut self, id: TaskId, claim: Claim, who: &Who) -> Answer<Claimed> {
        let (mut row, mut resource) = self.pair(id).await?;
        who.serves(&row.task.host)?;
        let status = row.task.status;
        if !matches!(status, TaskStatus::Queued | TaskStatus::Waiting) {
            return Err(Refusal::claim(id, status));
        }
        let found = row.row()?;
        let label = resource.label();
        if resource.resource.version != claim.version {
            return Err(Refusal::claim(id, format_args!("{status}, and {label} has changed since it was read")));
        }
        let state = resource.resource.state;
        if !row.task.dry_run && (state != found.found && state != found.through) {
            return Err(Refusal::claim(id, format_args!("{status}, and {label} is {state}")));
        }
        row.task.attempts += 1;
        row.task.status = TaskStatus::Running;
        row.task.waiting_for = None;
        row.task.steps_total = None;
        row.task.lease_until = Some(later(self.now, self.limits.lease_secs));
        row.task.started_at.get_or_insert(self.now);
        row.task.worker = Some(claim.worker.clone());
        if row.task.dry_run {
            row.task.fence = Fence(row.task.fence.0 + 1);
        } else {
            row.task.fence = Fence(resource.resource.fence.0 + 1);
            resource.resource.fence = row.task.fence;
            self.begin_work(&mut resource, found.through, &claim.worker, &row).await?;
        }
        let note = format!("attempt {} by {}", row.task.attempts, claim.worker);
        self.event(EventKind::TaskStarted, &resource, Some(&row.task), Some(note));
        self.keep_steps(&mut row, claim.steps, None);
        let claimed = Claimed { fence: row.task.fence, attempt: row.task.attempts, lease_secs: self.limits.lease_secs };
        self.put_task(row);
        Ok(claimed)
    }

    async fn begin_work(
        &mut self,
        resource: &mut crate::rows::ResourceRow,
        through: State,
        by: &str,
        row: &TaskRow,
    ) -> Answer<()> {
        if resource.resource.state == through {
            resource.resource.version.0 += 1;
            resource.resource.updated_at = self.now;
        } else {
            self.shift(resource, through, by, Some(&row.task)).await?;
        }
        self.put_resource(resource.clone());
        Ok(())
    }

    async fn progress(&mut self, id: TaskId, progress: Progress, who: &Who) -> Answer<Renewed> {
        let (mut row, resource) = self.pair(id).await?;
        who.serves(&row.task.host)?;
        row.holds(progress.fence)?;
        row.task.lease_until = Some(later(self.now, self.limits.lease_secs));
        self.report_steps(&mut row, &resource, progress.steps, progress.steps_total);
        let renewed = Renewed { lease_secs: self.limits.lease_secs, cancel_by: row.task.cancel_by.clone() };
        self.put_task(row);
        Ok(renewed)
    }
}

impl TaskRow {
    /// Whether the attempt with this fence is the one that works.
    pub fn holds(&self, fence: Fence) -> Answer<()> {
        if self.task.status == TaskStatus::Running && self.task.fence == fence {
            Ok(())
        } else {
            Err(Refusal::fence(self.task.id, fence))
        }
    }
}
