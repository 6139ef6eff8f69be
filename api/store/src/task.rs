//! Reading tasks.

use crate::limits::secs_between;
use crate::page::{Cut, Where};
use crate::record::{Line, Reader, Record};
use crate::refusal::{Answer, Refusal};
use crate::rows::TaskRow;
use crate::step::fill;
use crate::{Store, Who};
use iaas::tenant::{Page, TaskFilter};
use model::task::{Task, TaskStatus, Waiting};
use model::{Moment, TaskId};
use sqlx::AssertSqlSafe;

impl Store {
    /// With its steps, and with what it waits for: also when it is queued and its worker is silent.
    pub async fn task_read(&self, id: TaskId, who: &Who) -> Answer<Task> {
        let mut line = Line::default();
        line.int(id.0);
        let task = self.tasks("WHERE t.id = $1", line).await?.pop();
        let task = task.ok_or_else(|| Refusal::not_yours("task", id))?;
        who.sees(task.project_id, "task", id)?;
        Ok(task)
    }

    pub async fn task_list(&self, filter: &TaskFilter, who: &Who) -> Answer<Page<Task>> {
        let cut = Cut::of(filter.cursor.as_deref(), filter.limit)?;
        let mut list = Where::after(&cut);
        list.number("project_id", filter.project.map(|id| id.0));
        list.number("project_id", who.only().map(|id| id.0));
        list.number("resource_id", filter.resource.map(|id| id.0));
        list.text("status", filter.status.map(TaskStatus::word));
        list.text("host", filter.host.as_deref());
        let (tail, line) = list.limit(&cut);
        Ok(cut.page(self.tasks(&tail, line).await?, |task| task.id.0))
    }

    async fn tasks(&self, tail: &str, line: Line) -> Answer<Vec<Task>> {
        let columns = TaskRow::TABLE.select("t");
        let sql = format!("SELECT {columns}, s.seen_at FROM tasks t LEFT JOIN servers s ON s.id = t.server_id {tail}");
        let found = sqlx::query_with(AssertSqlSafe(sql), line.arguments).fetch_all(self.pool()).await?;
        let (now, silent_secs) = (self.now(), i64::from(self.inner.limits.worker_silent_secs));
        let mut rows = Vec::with_capacity(found.len());
        for row in &found {
            let mut from = Reader::new(row);
            let mut row = TaskRow::read(&mut from)?;
            let seen = from.maybe_moment()?;
            let silent = seen.is_none_or(|seen| secs_between(seen, now) >= silent_secs);
            if silent && row.task.status == TaskStatus::Queued {
                row.task.waiting_for = Some(Waiting {
                    reason: worker_silence(&row.task.host, seen, now),
                    resource_id: None,
                    since: seen.unwrap_or(row.task.requested_at).max(row.task.requested_at),
                    until: row.due_at.unwrap_or(row.task.deadline_at),
                });
            }
            rows.push(row);
        }
        fill(self.pool(), &mut rows).await?;
        Ok(rows.into_iter().map(|row| row.task).collect())
    }
}

/// What a queued task waits for when nobody claims it.
pub(crate) fn worker_silence(host: &str, seen: Option<Moment>, now: Moment) -> String {
    match seen {
        Some(seen) => format!("worker of {host}, last seen {} s ago", secs_between(seen, now)),
        None => format!("worker of {host}, never seen"),
    }
}
