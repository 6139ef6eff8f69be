//! Steps, as attempts report them.

use crate::record::Line;
use crate::refusal::Answer;
use crate::rows::{ResourceRow, StepRow, TaskRow};
use crate::unit::{Unit, select};
use model::TaskId;
use model::event::EventKind;
use model::task::{Step, StepOutcome};
use sqlx::AnyPool;
use std::collections::HashMap;

impl Unit {
    /// Keeps the steps. A step that began or ended is an event; its progress in between is not.
    pub fn report_steps(&mut self, row: &mut TaskRow, resource: &ResourceRow, steps: Vec<Step>, total: Option<u32>) {
        for step in &steps {
            let began = step.outcome == StepOutcome::Running && step.note.is_none();
            if began || step.outcome != StepOutcome::Running {
                let note = format!("{}: {}", step.name, step.outcome);
                self.event(EventKind::TaskStep, resource, Some(&row.task), Some(note));
            }
        }
        self.keep_steps(row, steps, total);
    }

    /// Keeps steps that come with a change of the task: that one is the event.
    pub fn keep_steps(&mut self, row: &mut TaskRow, steps: Vec<Step>, total: Option<u32>) {
        row.task.steps_total = total.or(row.task.steps_total);
        row.has_steps |= !steps.is_empty();
        self.steps.extend(steps.into_iter().map(|step| StepRow { task_id: row.task.id, step }));
    }

    /// The name of the newest step of the newest attempt, for people.
    pub async fn last_step(&mut self, row: &TaskRow) -> Answer<String> {
        self.flush().await?;
        let mut line = Line::default();
        line.int(row.task.id.0);
        let tail = "WHERE t.task_id = $1 ORDER BY t.attempt DESC, t.number DESC, t.started_at DESC LIMIT 1";
        let steps: Vec<StepRow> = if row.has_steps { self.select(tail, line).await? } else { Vec::new() };
        Ok(steps.into_iter().next().map_or_else(|| "none".to_owned(), |row| row.step.name))
    }

    /// The steps that a lost worker left running: nobody will report their end.
    pub async fn abandon_steps(&mut self, row: &TaskRow) -> Answer<()> {
        if !row.has_steps {
            return Ok(());
        }
        let mut line = Line::default();
        line.moment(self.now);
        line.int(row.task.id.0);
        let sql = "UPDATE task_steps SET outcome = 'failed', ended_at = $1, note = 'its worker was lost' \
                   WHERE task_id = $2 AND outcome = 'running'";
        self.execute(sql, line).await?;
        Ok(())
    }
}

/// Gives tasks their steps, those that have any.
pub(crate) async fn fill(pool: &AnyPool, rows: &mut [TaskRow]) -> Answer<()> {
    const EACH: usize = 20;
    let ids: Vec<TaskId> = rows.iter().filter(|row| row.has_steps).map(|row| row.task.id).collect();
    let mut steps: HashMap<TaskId, Vec<Step>> = HashMap::new();
    for some in ids.chunks(EACH) {
        // One task has a statement of its own; a list fills the holes of a longer one by repeating its last.
        let holes = if some.len() == 1 { 1 } else { EACH };
        let mut line = Line::default();
        let padded = some.iter().chain(std::iter::repeat(&some[some.len() - 1]));
        padded.take(holes).for_each(|id| line.int(id.0));
        let list: Vec<_> = (1..=holes).map(|hole| format!("${hole}")).collect();
        let tail =
            format!("WHERE t.task_id IN ({}) ORDER BY t.attempt, t.number, t.started_at, t.name", list.join(", "));
        for row in select::<StepRow>(pool, &tail, line).await? {
            steps.entry(row.task_id).or_default().push(row.step);
        }
    }
    for row in rows {
        row.task.steps = steps.remove(&row.task.id).unwrap_or_default();
    }
    Ok(())
}
