//! A tenant stops a task, or has its verb tried again.

use crate::ask::Ask;
use crate::refusal::{Answer, Refusal};
use crate::rows::TaskRow;
use crate::unit::Unit;
use crate::{Store, Who};
use errors::{Fault, iaas as codes};
use model::task::{Task, TaskStatus};
use model::{State, TaskId, states};

impl Store {
    /// While none works on it the task is cancelled at once; a running attempt is asked to stop at its next step boundary.
    /// The resource goes back to where it was asked from when no attempt has changed anything on its host; else it becomes
    /// unresourced.
    /// Refused with `TASK_NOT_CANCELLABLE` when it has ended.
    pub async fn task_cancel(&self, id: TaskId, who: &Who) -> Answer<Task> {
        let asker = who.clone();
        self.write(move |unit| Box::pin(async move { unit.cancel(id, &asker).await })).await?;
        self.task_read(id, who).await
    }

    /// A new task for the verb that failed; answers with the new one. Refused with `TASK_NOT_RETRYABLE` unless this is
    /// the newest task of an unresourced resource, and failed or was cancelled.
    pub async fn task_retry(&self, id: TaskId, who: &Who, traceparent: Option<String>) -> Answer<Task> {
        let asker = who.clone();
        let next = self.write(move |unit| Box::pin(async move { unit.retry(id, asker, traceparent).await })).await?;
        self.task_read(next, who).await
    }
}

impl Unit {
    async fn seen_task(&mut self, id: TaskId, who: &Who) -> Answer<TaskRow> {
        let row = self.task(id).await?.ok_or_else(|| Refusal::not_yours("task", id))?;
        who.sees(row.task.project_id, "task", id)?;
        Ok(row)
    }

    async fn cancel(&mut self, id: TaskId, who: &Who) -> Answer<()> {
        let mut row = self.seen_task(id, who).await?;
        let resource = self.resource_of(&row).await?;
        if !row.task.dry_run {
            self.check_asked(&resource).await?;
        }
        match row.task.status {
            TaskStatus::Succeeded | TaskStatus::Failed | TaskStatus::Cancelled => {
                let fault = Fault::new(&codes::TASK_NOT_CANCELLABLE).hole("task", id).hole("status", row.task.status);
                Err(fault.into())
            }
            TaskStatus::Running => {
                row.task.cancel_by.get_or_insert_with(|| who.name.clone());
                self.put_task(row);
                Ok(())
            }
            TaskStatus::Queued | TaskStatus::Waiting => {
                row.task.cancel_by = Some(who.name.clone());
                self.end_cancelled(row, resource, &who.name).await
            }
        }
    }

    async fn retry(&mut self, id: TaskId, who: Who, traceparent: Option<String>) -> Answer<TaskId> {
        let row = self.seen_task(id, &who).await?;
        let resource = self.resource_of(&row).await?;
        let status = row.task.status;
        let failed = matches!(status, TaskStatus::Failed | TaskStatus::Cancelled);
        let newest = resource.resource.task_id == Some(id) && resource.resource.state == State::Unresourced;
        let into = states::retry_into(row.task.kind, row.task.verb).filter(|_| failed && newest);
        let Some(into) = into else {
            return Err(Fault::new(&codes::TASK_NOT_RETRYABLE).hole("task", id).hole("status", status).into());
        };
        let resource_type = resource.resource_type();
        let ask =
            Ask { id: resource.resource.id, resource_type, who, traceparent, dry_run: false, remove_subtree: None };
        Ok(self.ask_of(resource, &ask, into).await?.1)
    }
}
