//! The backup becomes part of the repository, by the rename of its folder.

use crate::plan::Plan;
use commands::files;
use commands::ssh::{self, Machine};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::names;
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
            let desk = match self.0.repository.machine() {
                Some(_) => cx.run(files::exists(&names::backups_of(&self.0.repository.desk(), self.0.vm))).await?,
                None => false,
            };
            Ok(Look::done_if(!desk))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let plan = &self.0;
            let whole = plan.repository.backup(plan.vm, plan.backup);
            let Some(machine) = plan.repository.machine() else {
                cx.remove(&format!("{}/checkpoint.xml", plan.part())).await?;
                cx.remove(&plan.refusal()).await?;
                return cx.run(files::rename(&plan.part(), &whole)).await;
            };
            if !plan.is_published(cx).await? {
                let there = self.send(cx, machine).await?;
                cx.run(ssh::on(machine, files::rename(&there, &whole))).await?;
            }
            // With what stood there for its parent.
            cx.run(files::remove_tree(&names::backups_of(&plan.repository.desk(), plan.vm))).await
        })
    }
}
