//! Removes a backup: its checkpoint, what is left of a job, and its files once nothing stands on them.

use crate::steps::{remove::Remove, undo};
use backups::Repository;
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite};
use model::backup::Backup;
use model::event::Event;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, backup: &Backup) -> Result<Prerequisite<Repository>, Fault> {
    Ok(Prerequisite::Ready(Repository::of_backup(cx, backup).await?))
}

pub async fn execute(cx: &Context, backup: &Backup, repository: Repository) -> Result<(), Fault> {
    let vm = backup.spec.vm;
    let mut steps = undo::all(cx, vm, backup.id, &repository);
    steps.then(Remove { vm, backup: backup.id, repository });
    cx.carry_out(steps).await
}
