//! Removes a backup: what is left of making it, and its files. No other stands on them.

use crate::plan::Plan;
use crate::steps::remove::{Remove, RemovePart};
use backups::exports::Exports;
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::backup::Backup;
use model::event::Event;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, backup: &Backup) -> Result<Prerequisite<Exports>, Fault> {
    Ok(Prerequisite::Ready(Exports::open(cx, backup.spec.repository).await?))
}

pub async fn execute(cx: &Context, backup: &Backup, repository: Exports) -> Result<(), Fault> {
    let plan = Plan::of(backup, repository);
    let mut steps = Steps::new();
    steps.then(RemovePart { part: plan.part() });
    steps.then(Remove { whole: plan.whole(), all: plan.all() });
    cx.carry_out(steps).await
}
