//! Following a task to its end.

use super::{Session, task};
use errors::{Entry, Fault};
use indicatif::{ProgressBar, ProgressStyle};
use model::TaskId;
use model::task::{StepOutcome, Task, TaskStatus};
use std::time::Duration;
use tokio::time::Instant;

/// How often a watched bar is brought up to date.
const GLANCE: Duration = Duration::from_millis(250);

/// How long one answer may be waited for when nobody watches.
const POLL: Duration = Duration::from_secs(30);

/// Waits, shows progress, prints the task, and fails as the task did.
pub async fn follow(session: &Session, id: TaskId, timeout_secs: u64) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs(timeout_secs);
    let bar = session.out.is_watched().then(bar);
    let task = loop {
        let left = until.saturating_duration_since(Instant::now());
        let patience = if bar.is_some() { Duration::ZERO } else { POLL.min(left).max(Duration::from_secs(1)) };
        let task = session.client.task(id, patience).await?;
        if let Some(bar) = &bar {
            bar.set_length(u64::from(task.steps_total.unwrap_or(1).max(1)));
            bar.set_position(done(&task));
            bar.set_message(format!("{} {}", task.status, task::standing(&task)));
        }
        if task.status.has_ended() {
            break task;
        }
        if left.is_zero() {
            return Err(fault(&errors::operate::WAIT_TIMEOUT, &task).hole("secs", timeout_secs).into());
        }
        if bar.is_some() {
            tokio::time::sleep(GLANCE.min(left)).await;
        }
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    session.out.document(&task, task::text)?;
    match task.status {
        TaskStatus::Succeeded => Ok(()),
        TaskStatus::Queued | TaskStatus::Waiting | TaskStatus::Running | TaskStatus::Failed | TaskStatus::Cancelled => {
            Err(fault(&errors::operate::TASK_FAILED, &task).into())
        }
    }
}

/// The step that runs, or ran last: `3/8 define domain`.
pub fn last_step(task: &Task) -> String {
    let Some(step) = task.steps.last() else { return String::new() };
    match task.steps_total {
        Some(total) if step.number > 0 => format!("{}/{total} {}", step.number, step.name),
        _ => step.name.clone(),
    }
}

fn done(task: &Task) -> u64 {
    let own = |step: &&model::task::Step| step.attempt == task.attempts && step.number > 0;
    task.steps
        .iter()
        .filter(own)
        .filter(|step| matches!(step.outcome, StepOutcome::Done | StepOutcome::Skipped))
        .count() as u64
}

fn fault(entry: &'static Entry, task: &Task) -> Fault {
    let waiting = task.waiting_for.as_ref().map_or("its turn", |waiting| &waiting.reason);
    let error = task.error.as_ref().map_or_else(String::new, iaas::problem::line);
    Fault::new(entry)
        .hole("task", task.id)
        .hole("status", task.status)
        .hole("waiting_for", waiting)
        .hole("error", error)
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {wide_msg} {elapsed}");
    ProgressBar::new(1).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
