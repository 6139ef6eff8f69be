//! An attempt that ends without an outcome: the task waits, or is handed over.
//!
//! A wait for a resource ends with that resource's next stable state, or with its timer. The worker read the resource
//! before it asked to wait; a change in between would be missed. So a wait that finds the resource stable, with a change
//! newer than the task's last queueing, is over at once. The task is then queued with a newer number than that change:
//! it cannot go round for the same change twice.

use crate::limits::later;
use crate::refusal::{Answer, Refusal};
use crate::settle::End;
use crate::unit::Unit;
use crate::{Store, Who};
use iaas::fleet::{Release, Wait};
use model::TaskId;
use model::event::EventKind;
use model::task::{TaskStatus, Waiting};

/// The longest pause that a worker may ask for.
const LONGEST_SECS: u32 = 3600;

impl Store {
    /// Not now, and why. With a fence it ends that attempt; without, none had begun. An attempt that was asked to stop
    /// ends as cancelled instead.
    pub async fn task_wait(&self, id: TaskId, wait: Wait, who: &Who) -> Answer<()> {
        let who = who.clone();
        self.write(move |unit| Box::pin(async move { unit.wait(id, wait, &who).await })).await
    }

    /// The attempt ends at a step boundary, and the task is queued again at once; nothing counts against it.
    pub async fn task_release(&self, id: TaskId, release: Release, who: &Who) -> Answer<()> {
        let who = who.clone();
        self.write(move |unit| Box::pin(async move { unit.release(id, release, &who).await })).await
    }
}

impl Unit {
    async fn wait(&mut self, id: TaskId, wait: Wait, who: &Who) -> Answer<()> {
        let (mut row, resource) = self.pair(id).await?;
        who.serves(&row.task.host)?;
        match wait.fence {
            // The same wait again: its answer was lost.
            Some(fence) if row.task.status == TaskStatus::Waiting && row.task.fence == fence => return Ok(()),
            Some(fence) => row.holds(fence)?,
            None if matches!(row.task.status, TaskStatus::Queued | TaskStatus::Waiting) => {}
            None => return Err(Refusal::claim(id, row.task.status)),
        }
        row.touched |= wait.fence.is_some() && !wait.untouched;
        self.report_steps(&mut row, &resource, wait.steps, wait.steps_total);
        if let Some(by) = row.task.cancel_by.clone() {
            return self.end_cancelled(row, resource, &by).await;
        }
        if row.looks {
            // Nobody waits for a look: the next one comes in its time.
            return self.end(row, resource, End::Cancelled(None), &who.name).await;
        }
        if let Some(fault) = wait.fault {
            row.task.faults += 1;
            row.task.error = Some(fault);
        }
        let missed = match wait.resource_id {
            Some(other) => self
                .resource(other)
                .await?
                .is_some_and(|other| other.resource.state.is_stable() && other.changed_seq > row.queued_seq),
            None => false,
        };
        row.task.lease_until = None;
        if missed {
            self.queue(&mut row, &resource, None);
        } else {
            let before = row.waited.take().filter(|(reason, _)| *reason == wait.reason);
            let since = before.map_or(self.now, |(_, since)| since);
            row.waited = Some((wait.reason.clone(), since));
            row.task.status = TaskStatus::Waiting;
            row.task.waiting_for = Some(Waiting {
                reason: wait.reason.clone(),
                resource_id: wait.resource_id,
                since,
                until: later(self.now, wait.retry_secs.clamp(1, LONGEST_SECS)),
            });
            self.event(EventKind::TaskWaiting, &resource, Some(&row.task), Some(wait.reason));
        }
        self.put_task(row);
        Ok(())
    }

    async fn release(&mut self, id: TaskId, release: Release, who: &Who) -> Answer<()> {
        let (mut row, resource) = self.pair(id).await?;
        who.serves(&row.task.host)?;
        if row.task.status == TaskStatus::Queued && row.task.fence == release.fence {
            return Ok(());
        }
        row.holds(release.fence)?;
        row.touched |= !release.untouched;
        self.report_steps(&mut row, &resource, release.steps, release.steps_total);
        if let Some(by) = row.task.cancel_by.clone() {
            return self.end_cancelled(row, resource, &by).await;
        }
        let note = row.task.worker.as_ref().map(|worker| format!("handed over by {worker}"));
        self.queue(&mut row, &resource, note);
        self.put_task(row);
        Ok(())
    }
}
