//! The export: Hyper-V copies the VM with all that it stands on, of one moment, while the guest goes on.
//!
//! Guarantees: a job that ended is no export that succeeded, so its state is read; what is there without the record of an end
//! is begun anew. A guest that cannot put its data in order is exported as after a power cut, and the manifest says why.

use super::remove::remove_part;
use crate::plan::Plan;
use crate::record::{Record, Source};
use backups::exports::manifest_in;
use commands::hyperv::vm::{State, Vm};
use commands::hyperv::{export, file, job, vhd};
use errors::Fault;
use hyperv::Disk;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::backup::Consistency;
use model::{Moment, windows};
use std::sync::Arc;
use std::time::Duration;

const GLANCE: Duration = Duration::from_millis(500);

pub struct Exported(pub Arc<Plan>);

impl Exported {
    fn failed(&self, cx: &Context, reason: impl Into<String>) -> Fault {
        let failed = Fault::new(&errors::backup_hyperv::EXPORT_FAILED).hole("vm", windows::vm(self.0.vm));
        failed.hole("host", cx.host()).hole("reason", reason.into())
    }

    /// The VM's disks; one that drover did not make cannot be named.
    async fn disks(&self, cx: &Context, found: &Vm) -> Result<Vec<Disk>, Fault> {
        let mut disks = hyperv::disks(cx, self.0.vm, &found.id).await?;
        disks.retain(|disk| disk.name.is_some());
        if disks.is_empty() {
            let none = Fault::new(&errors::backup_hyperv::NO_DISKS).hole("vm", &found.name);
            return Err(none.hole("host", cx.host()));
        }
        Ok(disks)
    }

    /// What an export may take: everything in the VM's folder, its checkpoints' files too, and the images beneath.
    async fn needed(&self, cx: &Context, disks: &[Disk]) -> Result<u64, Fault> {
        let folder = windows::vm_folder(&cx.settings.storage, self.0.vm);
        let mut needed = cx.run(file::tree(&folder)).await?.iter().map(|file| file.bytes).sum::<u64>();
        for base in disks.iter().filter_map(|disk| disk.base.as_deref()) {
            needed += cx.run(vhd::info(base)).await?.unwrap_or_default().file_bytes;
        }
        Ok(needed)
    }

    /// An empty folder to export into; gives the moment when it was made.
    async fn begin(&self, cx: &Context, disks: &[Disk]) -> Result<Moment, Fault> {
        let part = self.0.part();
        remove_part(cx, &part).await?;
        cx.run(file::make_folder(&part)).await?;
        let needed = self.needed(cx, disks).await?;
        let free = cx.run(file::room(&part)).await?.unwrap_or(0);
        if free < needed && !cx.is_dry_run() {
            return Err(Fault::new(&errors::backup_hyperv::NO_ROOM)
                .hole("vm", windows::vm(self.0.vm))
                .hole("needed_mb", needed >> 20)
                .hole("folder", self.0.all())
                .hole("host", cx.host())
                .hole("free_mb", free >> 20));
        }
        // The host's clock: that of the worker may be another.
        let made_at = cx.run(file::changed_at(&part)).await?.and_then(|text| text.parse().ok());
        Ok(made_at.unwrap_or_default())
    }

    /// Gives why it failed, when it did.
    async fn export(&self, cx: &Context, vm: &str, consistency: Consistency) -> Result<Option<String>, Fault> {
        let started = match cx.run(export::begin(vm, &self.0.part(), consistency)).await {
            Err(fault) if std::ptr::eq(fault.entry, &errors::driver::COMMAND_FAILED) => return Ok(Some(said(&fault))),
            started => started?,
        };
        if cx.is_dry_run() {
            return Ok(None);
        }
        let Some(job) = started else { return Ok(Some("Hyper-V began no job".into())) };
        let ended = self.wait(cx, job).await;
        if ended.is_err() {
            // Whatever stops the attempt: nobody could find this job again.
            let _ = cx.run(job::stop(job)).await;
        }
        let _ = cx.run(job::forget(job)).await;
        ended
    }

    async fn wait(&self, cx: &Context, job: u64) -> Result<Option<String>, Fault> {
        loop {
            match cx.run(job::state(job)).await?.as_deref() {
                Some("Completed") => return Ok(None),
                Some("Failed") => {
                    let said = cx.run(job::receive(job)).await.err().map(|fault| said(&fault));
                    return Ok(Some(said.unwrap_or_else(|| "its job says no more".into())));
                }
                Some("Running" | "NotStarted") => {
                    let percent = cx.run(job::percent(job)).await?;
                    cx.note(percent.map_or_else(|| "exporting".into(), |percent| format!("{percent} %")));
                    cx.pause(GLANCE).await?;
                }
                other => return Ok(Some(format!("its job is {}", other.unwrap_or("gone")))),
            }
        }
    }
}

/// What the host said.
fn said(fault: &Fault) -> String {
    let said = fault.holes.iter().find(|(name, _)| *name == "stderr").map(|(_, said)| said.clone());
    said.unwrap_or_else(|| fault.text()).trim_end_matches('.').to_owned()
}

impl Step for Exported {
    fn name(&self) -> String {
        "export".into()
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(7 * 24 * 3600)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let plan = &self.0;
            let is_sealed = cx.run(file::find(&manifest_in(&plan.part()))).await?.is_some();
            let done = is_sealed || Record::read(cx, &plan.record_path()).await?.is_some();
            Ok(Look::done_if(done || plan.is_published(cx).await?))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let found = hyperv::present(cx, self.0.vm).await?;
            let disks = self.disks(cx, &found).await?;
            let mut made_at = self.begin(cx, &disks).await?;
            let runs = !matches!(found.state, State::Off | State::Saved);
            let mut consistency = if runs { Consistency::Data } else { Consistency::Off };
            let mut failed = self.export(cx, &found.id, consistency).await?;
            let mut why_crash = None;
            if let Some(reason) = failed.take_if(|_| runs) {
                cx.note(format!("as after a power cut: {reason}"));
                (consistency, why_crash) = (Consistency::Crash, Some(reason));
                made_at = self.begin(cx, &disks).await?;
                failed = self.export(cx, &found.id, consistency).await?;
            }
            if let Some(reason) = failed {
                return Err(self.failed(cx, reason));
            }
            let disks = disks.iter().map(source).collect();
            Record { consistency, why_crash, made_at, disks }.write(cx, &self.0.record_path()).await
        })
    }
}

fn source(disk: &Disk) -> Source {
    let file = disk.drive.path.rsplit('\\').next().unwrap_or_default().to_owned();
    Source { name: disk.name.clone().unwrap_or_default(), size: disk.bytes(), file }
}
