//! A disk's file in the repository's form: compressed, and on top of the same disk of the backup that it stands on.

use crate::plan::{Plan, Source};
use commands::{files, qemu_img};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::names;
use std::sync::Arc;
use std::time::Duration;

pub struct Pack {
    pub plan: Arc<Plan>,
    pub disk: Source,
}

impl Pack {
    /// The same disk of the parent, named from the backup's own folder, so that a repository can be moved as it is.
    fn base(&self) -> Option<String> {
        let parent = self.plan.parent()?;
        Some(format!("../{}/{}.qcow2", parent.backup, self.disk.name))
    }

    /// On the way to another machine the parent is there and not here; an empty disk stands for it, as only what the job
    /// has copied is read.
    async fn stand_in(&self, cx: &Context) -> Result<(), Fault> {
        let (Some(parent), Some(_)) = (self.plan.parent(), self.plan.repository.machine()) else { return Ok(()) };
        let folder = names::backup(&self.plan.repository.desk(), self.plan.vm, parent.backup);
        cx.run(files::make_folder(&folder)).await?;
        cx.run(qemu_img::create_bytes(&format!("{folder}/{}.qcow2", self.disk.name), self.disk.size)).await
    }
}

impl Step for Pack {
    fn name(&self) -> String {
        format!("pack {}", self.disk.name)
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(24 * 3600)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let is_packed = cx.run(files::exists(&self.plan.file(&self.disk.name))).await?
                && !cx.run(files::exists(&self.plan.copy(&self.disk.name))).await?;
            Ok(Look::done_if(is_packed || self.plan.is_published(cx).await?))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let (file, copy) = (self.plan.file(&self.disk.name), self.plan.copy(&self.disk.name));
            if cx.run(files::exists(&file)).await? {
                // By an attempt that was lost on the way to here.
                return cx.remove(&copy).await;
            }
            let (new, base) = (format!("{file}.new"), self.base());
            let mut convert = qemu_img::Copy { from: &copy, to: &new, base: base.as_deref(), ..Default::default() };
            convert.compressed = true;
            if self.plan.runs {
                if let Some(base) = &base {
                    self.stand_in(cx).await?;
                    // Libvirt has put it on top of the guest's own disk.
                    cx.run(qemu_img::rebase(&copy, base)).await?;
                }
            } else {
                // Off: the disk itself is read, once.
                cx.run(files::make_folder(&self.plan.part())).await?;
                (convert.from, convert.mb_a_second) = (&self.disk.path, cx.settings.backup.bandwidth_mb);
            }
            cx.note("compressing");
            cx.run_long(qemu_img::convert(&convert)).await?;
            cx.run(files::rename(&new, &file)).await?;
            cx.remove(&copy).await
        })
    }
}
