//! A disk's file: made, or grown.

use commands::hyperv::checkpoint;
use commands::hyperv::vhd::{self, GB};
use commands::hyperv::{disk, file};
use errors::Fault;
use hyperv::{files, own};
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::resource::Label;
use model::{ResourceId, windows};
use std::time::Duration;

/// What a primary disk starts from.
#[derive(Clone)]
pub struct From {
    pub base: String,
    /// The disk goes on standing on it.
    pub stays: bool,
}

pub struct Disk {
    pub vm: ResourceId,
    pub label: Label,
    pub name: String,
    pub path: String,
    pub gb: u64,
    pub from: Option<From>,
}

impl Disk {
    /// Under another name first: what was begun and not finished is no disk.
    async fn make(&self, cx: &Context) -> Result<(), Fault> {
        let part = windows::part_of_disk(&self.path);
        files::remove_debris(cx, &part).await?;
        match &self.from {
            None => cx.run(vhd::make(&part, self.gb)).await?,
            Some(from) => {
                if from.stays {
                    cx.run(vhd::make_on(&part, &from.base)).await?;
                } else {
                    cx.note("copying");
                    cx.run_long(file::copy(&from.base, &part)).await?;
                    cx.run(vhd::reset_identifier(&part)).await?;
                }
                let made = if cx.is_dry_run() { None } else { cx.run(vhd::info(&part)).await? };
                if made.is_none_or(|made| made.bytes < self.gb * GB) {
                    cx.run(vhd::resize(&part, self.gb)).await?;
                }
            }
        }
        cx.run(file::rename(&part, &self.path)).await
    }

    /// A checkpoint stands on the disk as it is.
    async fn grow(&self, cx: &Context) -> Result<(), Fault> {
        if let Some(found) = own(cx, self.vm).await? {
            let checkpoints = cx.run(checkpoint::list(&found.id)).await?.len();
            let drives = cx.run(disk::list(&found.id)).await?;
            let is_plain = drives.iter().all(|drive| !drive.path.to_lowercase().ends_with(".avhdx"));
            if checkpoints > 0 || !is_plain {
                return Err(has_checkpoints(self.label, &self.name, "grown", checkpoints));
            }
        }
        cx.run(vhd::resize(&self.path, self.gb)).await
    }
}

pub fn has_checkpoints(label: Label, disk: &str, change: &str, count: usize) -> Fault {
    let fault = Fault::new(&errors::vm_hyperv::HAS_CHECKPOINTS).hole("disk", disk).hole("resource", label);
    fault.hole("change", change).hole("count", count)
}

impl Step for Disk {
    fn name(&self) -> String {
        format!("disk {}", self.name)
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(2 * 3600)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let Some(found) = files::disk(cx, &self.path).await? else { return Ok(Look::Todo) };
            let base = self.from.as_ref().filter(|from| from.stays).map(|from| from.base.clone());
            // One that was made before the setting changed stays as it is.
            let foreign = |parent: &String| self.from.as_ref().is_none_or(|from| !windows::is_same(parent, &from.base));
            if let Some(parent) = found.parent.filter(foreign) {
                let differs = Fault::new(&errors::driver::STEP_DIFFERS).hole("step", self.name());
                let wanted = base.unwrap_or_else(|| "nothing".into());
                return Ok(Look::Differs(
                    differs.hole("found", format!("{} on top of {parent}", self.path)).hole("wanted", wanted),
                ));
            }
            Ok(Look::done_if(found.bytes >= self.gb * GB))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(
            async move { if files::exists(cx, &self.path).await? { self.grow(cx).await } else { self.make(cx).await } },
        )
    }
}
