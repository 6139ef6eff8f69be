//! The manifest: written last, when all that it names is there.

use crate::plan::Plan;
use commands::virsh::{self, checkpoint};
use commands::{files, qemu_img};
use errors::Fault;
use jiff::{SignedDuration, Timestamp};
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::backup::{BackupKind, FORMAT, Manifest, ManifestDisk};
use model::names;
use std::sync::Arc;
use std::time::Duration;

pub struct Seal(pub Arc<Plan>);

impl Seal {
    fn manifest_path(&self) -> String {
        backups::manifest_in(&self.0.part())
    }

    async fn disks(&self, cx: &Context) -> Result<Vec<ManifestDisk>, Fault> {
        let mut disks = Vec::new();
        for disk in &self.0.disks {
            let path = self.0.file(&disk.name);
            cx.note(format!("checksum of {}", disk.name));
            let size = there(cx, &path, cx.run(qemu_img::info(&path)).await?)?.bytes;
            let bytes = there(cx, &path, cx.run(files::bytes(&path)).await?)?;
            let sha256 = there(cx, &path, cx.run_long(files::sha256(&path)).await?)?;
            disks.push(ManifestDisk {
                name: disk.name.clone(),
                size,
                file: format!("{}.qcow2", disk.name),
                bytes,
                sha256,
            });
        }
        Ok(disks)
    }

    /// The moment that the disks are of: while the VM is off, any.
    async fn made_at(&self, cx: &Context) -> Result<Timestamp, Fault> {
        let (uri, domain) = (&cx.settings.libvirt_uri, names::domain(self.0.vm));
        let checkpoint = match self.0.runs {
            true => cx.run(checkpoint::made_at(uri, &domain, &self.0.checkpoint())).await?,
            false => None,
        };
        let seconds = match checkpoint {
            Some(seconds) => seconds,
            None => cx.run(files::clock()).await?,
        };
        Ok(Timestamp::from_second(seconds).unwrap_or_default())
    }
}

/// What was found of a file, which must be there: only in a dry run nothing has made it.
fn there<T: Default>(cx: &Context, path: &str, found: Option<T>) -> Result<T, Fault> {
    match found {
        Some(found) => Ok(found),
        None if cx.is_dry_run() => Ok(T::default()),
        None => Err(Fault::new(&errors::backups::FILE_DAMAGED).hole("path", path).hole("reason", "it is absent")),
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
            let done = cx.run(files::exists(&self.manifest_path())).await?;
            Ok(Look::done_if(done || self.0.is_published(cx).await?))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let plan = &self.0;
            let made_at = self.made_at(cx).await?;
            let domain = cx.run(virsh::definition(&cx.settings.libvirt_uri, &names::domain(plan.vm))).await?;
            let kind = if plan.parent().is_some() { BackupKind::Incremental } else { BackupKind::Full };
            let valid = SignedDuration::from_hours(plan.valid_hours.into());
            let manifest = Manifest {
                format: FORMAT,
                backup: plan.backup,
                vm: plan.vm,
                kind,
                why_full: plan.why_full().map(str::to_owned),
                chain: plan.parent().map(|parent| parent.with_chain().collect()).unwrap_or_default(),
                checkpoint: plan.runs.then(|| plan.checkpoint()),
                made_at,
                valid_until: made_at.saturating_add(valid).unwrap_or(Timestamp::MAX),
                domain: domain.unwrap_or_default(),
                disks: self.disks(cx).await?,
                left_out: plan.left_out.clone(),
            };
            let mut text = serde_json::to_string_pretty(&manifest).unwrap_or_default();
            text.push('\n');
            cx.put(&self.manifest_path(), text.as_bytes(), 0o600).await
        })
    }
}
