//! A task's steps and timings as bars under each other: what a trace shows, without a trace store.

use model::Moment;
use model::task::{Step, StepOutcome, Task};

const WIDTH: usize = 48;

/// One line a step: name, bar, length, outcome. The first line is the wait in the queue.
pub fn draw(task: &Task) -> String {
    let begin = task.requested_at;
    let end =
        task.ended_at.unwrap_or_else(|| task.steps.iter().filter_map(|step| step.ended_at).max().unwrap_or(begin));
    let total = millis(begin, end).max(1.0);
    let names = task.steps.iter().map(|step| label(step).len()).max().unwrap_or(0).max("queue".len());
    let mut out = String::new();
    let mut row = |name: &str, from: Moment, to: Moment, note: &str| {
        let start = (millis(begin, from) / total * WIDTH as f64) as usize;
        let length = ((millis(from, to) / total * WIDTH as f64).round() as usize).max(1);
        let start = start.min(WIDTH - 1);
        let length = length.min(WIDTH - start);
        let bar = format!("{}{}", " ".repeat(start), "█".repeat(length));
        out.push_str(format!("{name:names$}  {bar:WIDTH$}  {:>9}  {note}", duration(millis(from, to))).trim_end());
        out.push('\n');
    };
    let first = task.steps.first().map_or(end, |step| step.started_at);
    row("queue", begin, first, "");
    for step in &task.steps {
        let note = match step.outcome {
            StepOutcome::Done => step.note.clone().unwrap_or_default(),
            StepOutcome::Skipped => "already so".to_owned(),
            other => format!("{other} {}", step.note.as_deref().unwrap_or_default()),
        };
        row(&label(step), step.started_at, step.ended_at.unwrap_or(end), &note);
    }
    out.push_str(&format!("{:names$}  {:WIDTH$}  {:>9}\n", "total", "", duration(millis(begin, end))));
    out
}

fn label(step: &Step) -> String {
    if step.attempt > 1 { format!("{} (attempt {})", step.name, step.attempt) } else { step.name.clone() }
}

fn millis(from: Moment, to: Moment) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0) * 1000.0
}

fn duration(millis: f64) -> String {
    if millis < 10_000.0 { format!("{millis:.1} ms") } else { format!("{:.1} s", millis / 1000.0) }
}
