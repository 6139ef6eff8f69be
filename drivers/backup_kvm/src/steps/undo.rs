//! Taking back what a build has begun: the job, the checkpoint, the unfinished files.

use crate::job;
use crate::steps::desk;
use backups::Repository;
use commands::files;
use commands::virsh::{backup, checkpoint};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step, Steps};
use model::{ResourceId, names};
use std::time::Duration;

/// All of it; what was never begun is taken back already.
pub fn all(cx: &Context, vm: ResourceId, backup: ResourceId, repository: &Repository) -> Steps {
    let desk = repository.desk();
    let part = names::backup_part(&desk, vm, backup);
    let uri = cx.settings.libvirt_uri.clone();
    let mut steps = Steps::new();
    steps.then(EndJob { uri, vm, part: part.clone() });
    steps.then(DropCheckpoint { vm, name: names::checkpoint(backup) });
    steps.then(RemovePart { repository: repository.clone(), vm, backup, part });
    steps
}

struct EndJob {
    uri: String,
    vm: ResourceId,
    part: String,
}

impl Step for EndJob {
    fn name(&self) -> String {
        "end job".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let job = cx.run(backup::running(&self.uri, &names::domain(self.vm))).await?;
            Ok(Look::done_if(!job.is_some_and(|xml| job::is_ours(&xml, &self.part))))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let aborted = cx.run(backup::abort(&self.uri, &names::domain(self.vm))).await;
            // It may have ended just before.
            match self.look(cx).await? {
                Look::Done => Ok(()),
                _ => aborted,
            }
        })
    }
}

struct DropCheckpoint {
    vm: ResourceId,
    name: String,
}

impl Step for DropCheckpoint {
    fn name(&self) -> String {
        "drop checkpoint".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let kept = cx.run(checkpoint::list(&cx.settings.libvirt_uri, &names::domain(self.vm))).await?;
            Ok(Look::done_if(!kept.contains(&self.name)))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(domains::checkpoint::delete(cx, self.vm, &self.name))
    }
}

struct RemovePart {
    repository: Repository,
    vm: ResourceId,
    backup: ResourceId,
    part: String,
}

impl RemovePart {
    /// What is to go: here, and on the repository's machine.
    async fn left(&self, cx: &Context) -> Result<(Vec<String>, Option<String>), Fault> {
        let Some(_) = self.repository.machine() else {
            let is_here = cx.run(files::exists(&self.part)).await?;
            return Ok((is_here.then(|| self.part.clone()).into_iter().collect(), None));
        };
        let here = desk::left(cx, &self.repository, self.vm, self.backup).await?;
        let there = format!("{}.part", self.repository.backup(self.vm, self.backup));
        let is_there = cx.run(self.repository.on(files::exists(&there))).await?;
        Ok((here, is_there.then_some(there)))
    }
}

impl Step for RemovePart {
    fn name(&self) -> String {
        "remove unfinished files".into()
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(3600)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.left(cx).await? == (Vec::new(), None))) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let (here, there) = self.left(cx).await?;
            if self.repository.machine().is_some() {
                desk::clear(cx, &self.repository, self.vm, self.backup).await?;
            } else {
                for folder in here {
                    cx.run(files::remove_tree(&folder)).await?;
                }
            }
            if let Some(folder) = there {
                cx.run(self.repository.on(files::remove_tree(&folder))).await?;
            }
            Ok(())
        })
    }
}
