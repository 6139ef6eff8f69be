//! Disks as a backup has them: checked against their checksums, and copied out of the export into one file each.

use backups::exports::{Exports, whole};
use commands::hyperv::{file, vhd};
use errors::Fault;
use hyperv::files::{exists, remove_debris};
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::backup::{Backup, Export, ExportDisk};
use model::lock::LockName;
use model::{ResourceId, windows};
use std::time::Duration;

/// Every disk of a backup that the VM is to have.
pub struct Restore {
    pub vm: ResourceId,
    pub disks: Vec<String>,
    pub backup: Backup,
}

impl Restore {
    fn path(&self, cx: &Context, disk: &str) -> String {
        windows::disk(&cx.settings.storage, self.vm, disk)
    }

    async fn missing(&self, cx: &Context, manifest: &Export) -> Result<Vec<ExportDisk>, Fault> {
        let mut missing = Vec::new();
        for disk in manifest.disks.iter().filter(|disk| self.disks.contains(&disk.name)) {
            if !exists(cx, &self.path(cx, &disk.name)).await? {
                missing.push(disk.clone());
            }
        }
        Ok(missing)
    }

    /// Under another name, so that half a disk is none.
    async fn copy(&self, cx: &Context, manifest: &Export, folder: &str, disk: &ExportDisk) -> Result<(), Fault> {
        let (from, path) = (format!(r"{folder}\{}", disk.file), self.path(cx, &disk.name));
        let part = windows::part_of_disk(&path);
        remove_debris(cx, &part).await?;
        let stands_on = cx.run(vhd::info(&from)).await?.and_then(|file| file.parent);
        if stands_on.is_some() {
            cx.run_long(vhd::flatten(&from, &part)).await?;
        } else {
            cx.run_long(file::copy(&from, &part)).await?;
            let wanted = manifest.files.iter().find(|file| file.path == disk.file).map(|file| &file.sha256);
            let found = cx.run_long(file::sha256(&part)).await?;
            if wanted != found.as_ref() && !cx.is_dry_run() {
                let damaged = Fault::new(&errors::backups::FILE_DAMAGED).hole("path", part);
                return Err(damaged.hole("reason", "the copy is not what was checked"));
            }
            // The original may stand on this host too.
            cx.run(vhd::reset_identifier(&part)).await?;
        }
        cx.run(file::rename(&part, &path)).await
    }
}

impl Step for Restore {
    fn name(&self) -> String {
        format!("restore backup {}", self.backup.id)
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(2 * 24 * 3600)
    }

    /// Against its scrub.
    fn lock(&self) -> Option<LockName> {
        Some(LockName::Resource { id: self.backup.id })
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let repository = Exports::open(cx, self.backup.spec.repository).await?;
            let manifest = repository.present(cx, self.backup.spec.vm, self.backup.id).await?;
            Ok(Look::done_if(self.missing(cx, &manifest).await?.is_empty()))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let spec = &self.backup.spec;
            cx.note("checking");
            let manifest = whole(cx, spec.repository, spec.vm, self.backup.id).await?;
            let folder = Exports::open(cx, spec.repository).await?.backup(spec.vm, self.backup.id);
            for disk in self.missing(cx, &manifest).await? {
                cx.note(format!("copying {}", disk.name));
                self.copy(cx, &manifest, &folder, &disk).await?;
            }
            Ok(())
        })
    }
}
