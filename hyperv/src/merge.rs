//! Waiting until the files of removed checkpoints are merged: judged by what the disks are, never by words.

use crate::own;
use commands::hyperv::{checkpoint, disk, file, vhd};
use errors::Fault;
use hosts::Runner;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::{ResourceId, windows};
use std::time::Duration;

const GLANCE: Duration = Duration::from_secs(1);

/// What large disks take; an attempt that waited so long is not the last.
const PATIENCE: Duration = Duration::from_secs(2 * 3600);

/// Every file beneath a disk of the VM or of one of its checkpoints is a checkpoint's own: none is left of one that is gone.
pub struct Merged {
    pub vm: ResourceId,
    pub patience: Duration,
}

impl Merged {
    pub fn of(vm: ResourceId) -> Self {
        Self { vm, patience: PATIENCE }
    }

    async fn is_so(&self, cx: &Context) -> Result<bool, Fault> {
        match own(cx, self.vm).await? {
            Some(found) => is_merged(cx, &found.id, &windows::vm_folder(&cx.settings.storage, self.vm)).await,
            None => Ok(true),
        }
    }
}

/// Whether it is so of a VM that is there, as Hyper-V knows it; its files are below this folder.
pub async fn is_merged(cx: &impl Runner, vm: &str, folder: &str) -> Result<bool, Fault> {
    let mut drives = cx.run(disk::list(vm)).await?;
    for checkpoint in cx.run(checkpoint::list(vm)).await? {
        drives.extend(cx.run(checkpoint::disks(vm, &checkpoint.id)).await?);
    }
    for drive in drives.iter().filter(|drive| windows::is_below(&drive.path, folder)) {
        if cx.run(file::find(&drive.path)).await?.is_none() {
            continue;
        }
        let beneath = match cx.run(vhd::info(&drive.path)).await {
            // Merged into another since it was found: the next look sees what came of it.
            Err(fault) if std::ptr::eq(fault.entry, &errors::driver::COMMAND_FAILED) => return Ok(false),
            file => file?.and_then(|file| file.parent),
        };
        let is_ours = |path: &String| windows::is_below(path, folder);
        let is_known = |path: &String| drives.iter().any(|drive| windows::is_same(&drive.path, path));
        if beneath.is_some_and(|path| is_ours(&path) && !is_known(&path)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// All checkpoints of a VM: whole trees, from their roots. Their files are merged after this has returned.
pub async fn remove_checkpoints(cx: &impl Runner, vm: &str) -> Result<(), Fault> {
    for root in cx.run(checkpoint::list(vm)).await?.iter().filter(|checkpoint| checkpoint.parent.is_none()) {
        cx.run(checkpoint::remove_tree(vm, &root.id)).await?;
    }
    Ok(())
}

impl Step for Merged {
    fn name(&self) -> String {
        "wait for the merge".into()
    }

    fn deadline(&self) -> Duration {
        self.patience + Duration::from_secs(60)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.is_so(cx).await?)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            for _ in 0..self.patience.as_millis() / GLANCE.as_millis() {
                if cx.is_dry_run() || self.is_so(cx).await? {
                    return Ok(());
                }
                cx.note("merging");
                cx.pause(GLANCE).await?;
            }
            let merging = Fault::new(&errors::hyperv::MERGING).hole("vm", windows::vm(self.vm)).hole("host", cx.host());
            Err(merging.hole("waited_secs", self.patience.as_secs()))
        })
    }
}
