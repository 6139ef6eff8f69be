//! The manifest: written last, when all that it names is there.

use crate::plan::Plan;
use crate::record::Record;
use backups::exports::manifest_in;
use commands::hyperv::file;
use errors::Fault;
use jiff::{SignedDuration, Timestamp};
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::backup::{EXPORT_FORMAT, Export, ExportDisk, ExportFile};
use model::windows;
use std::sync::Arc;
use std::time::Duration;

pub struct Seal(pub Arc<Plan>);

impl Seal {
    /// Every file of the export, with its checksum.
    async fn files(&self, cx: &Context) -> Result<Vec<ExportFile>, Fault> {
        let part = self.0.part();
        // A manifest that was begun by an attempt that was lost is replaced by the whole one.
        let not_exported = [self.0.record_path(), format!("{}.part", manifest_in(&part))];
        let mut files = Vec::new();
        for found in cx.run(file::tree(&part)).await? {
            if not_exported.iter().any(|path| windows::is_same(&found.path, path)) {
                continue;
            }
            let path = found.path.get(part.len() + 1..).unwrap_or_default().to_owned();
            cx.note(format!("checksum of {path}"));
            let sha256 = cx.run_long(file::sha256(&found.path)).await?.unwrap_or_default();
            files.push(ExportFile { path, bytes: found.bytes, sha256 });
        }
        Ok(files)
    }

    /// Which of the files each disk is.
    fn disks(&self, cx: &Context, record: &Record, files: &[ExportFile]) -> Result<Vec<ExportDisk>, Fault> {
        let mut disks = Vec::new();
        for disk in &record.disks {
            let is_it = |file: &&ExportFile| {
                let name = file.path.rsplit('\\').next().unwrap_or_default();
                windows::is_same(name, &disk.file)
            };
            let missing = || {
                Fault::new(&errors::backup_hyperv::DISK_MISSING)
                    .hole("folder", self.0.part())
                    .hole("host", cx.host())
                    .hole("file", &disk.file)
                    .hole("vm", windows::vm(self.0.vm))
                    .hole("disk", &disk.name)
            };
            let file = files.iter().find(is_it).ok_or_else(missing)?.path.clone();
            disks.push(ExportDisk { name: disk.name.clone(), size: disk.size, file });
        }
        Ok(disks)
    }
}

impl Step for Seal {
    fn name(&self) -> String {
        "write manifest".into()
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(24 * 3600)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let done = cx.run(file::find(&manifest_in(&self.0.part()))).await?.is_some();
            Ok(Look::done_if(done || self.0.is_published(cx).await?))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let plan = &self.0;
            let path = manifest_in(&plan.part());
            let Some(record) = Record::read(cx, &plan.record_path()).await? else {
                // Only in a dry run nothing was exported.
                return cx.put(&path, b"", 0o600).await;
            };
            let files = self.files(cx).await?;
            let valid = SignedDuration::from_hours(plan.valid_hours.into());
            let manifest = Export {
                format: EXPORT_FORMAT,
                backup: plan.backup,
                vm: plan.vm,
                consistency: record.consistency,
                disks: self.disks(cx, &record, &files)?,
                why_crash: record.why_crash,
                made_at: record.made_at,
                valid_until: record.made_at.saturating_add(valid).unwrap_or(Timestamp::MAX),
                files,
            };
            let mut text = serde_json::to_string_pretty(&manifest).unwrap_or_default();
            text.push('\n');
            cx.put(&path, text.as_bytes(), 0o600).await
        })
    }
}
