//! The backup becomes part of the repository, by the rename of its folder.

use crate::plan::Plan;
use crate::steps::desk;
use commands::files;
use commands::ssh::{self, Machine};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use std::sync::Arc;
use std::time::Duration;

pub struct Publish(pub Arc<Plan>);

impl Publish {
    /// To the other machine, under the name of what is being made.
    async fn send(&self, cx: &Context, machine: &Machine) -> Result<String, Fault> {
        let plan = &self.0;
        let there = format!("{}.part", plan.repository.backup(plan.vm, plan.backup));
        cx.run(ssh::on(machine, files::remove_tree(&there))).await?;
        cx.run(ssh::on(machine, files::make_folder(&there))).await?;
        let mut sent: Vec<String> = plan.disks.iter().map(|disk| plan.file(&disk.name)).collect();
        sent.push(backups::manifest_in(&plan.part()));
        cx.note(format!("sending to {}", machine.address));
        cx.run_long(ssh::send(&sent, machine, &there, cx.settings.backup.bandwidth_mb)).await?;
        Ok(there)
    }
}

impl Publish {
    /// Under its plain name, once all of it is on the repository's own disks: the name says that it is whole.
    async fn rename(&self, cx: &Context, part: &str) -> Result<(), Fault> {
        let (plan, repository) = (&self.0, &self.0.repository);
        let (all, whole) = (repository.folder(plan.vm), repository.backup(plan.vm, plan.backup));
        let mut written: Vec<String> = plan.disks.iter().map(|disk| format!("{part}/{}.qcow2", disk.name)).collect();
        written.extend([backups::manifest_in(part), part.to_owned()]);
        cx.run(repository.on(files::sync(&written))).await?;
        cx.run(repository.on(files::rename(part, &whole))).await?;
        cx.run(repository.on(files::sync(&[all]))).await
    }
}

impl Step for Publish {
    fn name(&self) -> String {
        "publish".into()
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(7 * 24 * 3600)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            if !self.0.is_published(cx).await? {
                return Ok(Look::Todo);
            }
            let plan = &self.0;
            let is_clear = match plan.repository.machine() {
                Some(_) => desk::left(cx, &plan.repository, plan.vm, plan.backup).await?.is_empty(),
                None => true,
            };
            Ok(Look::done_if(is_clear))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let plan = &self.0;
            let Some(machine) = plan.repository.machine() else {
                cx.remove(&format!("{}/checkpoint.xml", plan.part())).await?;
                cx.remove(&plan.record_path()).await?;
                return self.rename(cx, &plan.part()).await;
            };
            if !plan.is_published(cx).await? {
                let there = self.send(cx, machine).await?;
                self.rename(cx, &there).await?;
            }
            desk::clear(cx, &plan.repository, plan.vm, plan.backup).await
        })
    }
}
