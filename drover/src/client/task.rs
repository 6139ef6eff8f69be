//! `drover task`

use super::{Session, every_page, follow};
use crate::out::{dash, pairs};
use crate::waterfall;
use clap::Subcommand;
use iaas::tenant::TaskFilter;
use model::task::{Task as Record, TaskStatus};
use model::{ProjectId, ResourceId, TaskId};
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub enum Task {
    List {
        #[arg(long, value_name = "ID")]
        project: Option<ProjectId>,
        #[arg(long, value_name = "ID")]
        resource: Option<ResourceId>,
        #[arg(long)]
        status: Option<TaskStatus>,
        #[arg(long, value_name = "NAME")]
        host: Option<String>,
    },
    /// Everything of it, its steps as a waterfall
    Show { id: TaskId },
    /// Until it has ended
    Wait {
        id: TaskId,
        #[arg(long, default_value_t = 600, value_name = "SECS")]
        timeout: u64,
    },
    /// Stop it: at once when it has not begun, else at its next step boundary
    Cancel { id: TaskId },
    /// Try the verb that failed again, as a new task
    Retry {
        id: TaskId,
        /// Wait until the new task has ended, with a progress bar
        #[arg(long)]
        wait: bool,
        /// How long to wait, in seconds
        #[arg(long, default_value_t = 600, value_name = "SECS", requires = "wait")]
        timeout: u64,
    },
}

/// Why it is not done yet, or how it ended, in a few words.
pub fn standing(task: &Record) -> String {
    match (&task.error, &task.waiting_for) {
        (Some(error), _) => iaas::problem::line(error),
        (None, Some(waiting)) => format!("waits for {}", waiting.reason),
        (None, None) => task.steps.last().map(|step| step.name.clone()).unwrap_or_default(),
    }
}

pub fn text(task: &Record) -> String {
    let mut rows = vec![
        ("task", task.id.to_string()),
        ("verb", format!("{}.{}", task.kind, task.verb)),
        ("resource", format!("{} {}", task.kind.resource_type(), task.resource_id)),
        ("host", task.host.clone()),
        ("status", task.status.to_string()),
        ("asked by", task.asked_by.clone()),
        (
            "attempts",
            format!("{} ({} ended with a fault, {} lost their worker)", task.attempts, task.faults, task.lost),
        ),
        ("worker", dash(task.worker.as_ref())),
        ("trace", dash(task.traceparent.as_deref().and_then(|parent| parent.split('-').nth(1)))),
        ("requested", task.requested_at.to_string()),
        ("started", dash(task.started_at)),
        ("ended", dash(task.ended_at)),
    ];
    if let Some(waiting) = &task.waiting_for {
        rows.push(("waits for", format!("{} (since {})", waiting.reason, waiting.since)));
    }
    if let Some(by) = &task.cancel_by {
        rows.push(("cancelled by", by.clone()));
    }
    if let Some(error) = &task.error {
        rows.push(("error", iaas::problem::line(error)));
        if let Some(command) = &error.command {
            rows.push(("command", command.clone()));
        }
        rows.push(("remedy", error.remedy.clone()));
    }
    let mut text = pairs(&rows);
    if let Some(plan) = &task.plan {
        text.push_str(&plan_text(plan));
    } else if !task.steps.is_empty() {
        text.push('\n');
        text.push_str(&waterfall::draw(task));
    }
    text
}

fn plan_text(plan: &model::task::Plan) -> String {
    let mut text = format!("\nwould take the locks {}\n", plan.locks.join(", "));
    for (number, step) in plan.steps.iter().enumerate() {
        let already = if step.already_so { ": already so" } else { "" };
        let lock = step.lock.as_ref().map(|lock| format!(" (lock {lock})")).unwrap_or_default();
        text.push_str(&format!("{:3}. {}{already}{lock}\n", number + 1, step.name));
        for command in &step.commands {
            text.push_str(&format!("       {command}\n"));
        }
    }
    text
}

pub async fn run(session: &Session, command: Task) -> anyhow::Result<()> {
    let client = &session.client;
    match command {
        Task::List { project, resource, status, host } => {
            let filter = TaskFilter { project, resource, status, host, limit: Some(500), cursor: None };
            let page = async |cursor| client.tasks(&TaskFilter { cursor, ..filter.clone() }).await;
            let items = every_page(page).await?;
            session.out.list(&items, &["id", "verb", "resource", "host", "status", "attempts", "standing"], |task| {
                vec![
                    task.id.to_string(),
                    format!("{}.{}", task.kind, task.verb),
                    task.resource_id.to_string(),
                    task.host.clone(),
                    task.status.to_string(),
                    task.attempts.to_string(),
                    standing(task),
                ]
            })
        }
        Task::Show { id } => session.out.document(&client.task(id, Duration::ZERO).await?, text),
        Task::Wait { id, timeout } => follow(session, id, timeout).await,
        Task::Cancel { id } => session.out.document(&client.task_cancel(id).await?, text),
        Task::Retry { id, wait: false, .. } => session.out.document(&client.task_retry(id).await?, text),
        Task::Retry { id, wait: true, timeout } => follow(session, client.task_retry(id).await?.id, timeout).await,
    }
}
