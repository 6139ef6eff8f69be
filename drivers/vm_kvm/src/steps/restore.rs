//! A disk as a backup has it: checked against its checksums, and copied out of the whole chain into one file.

use backups::Repository;
use commands::{files, qemu_img, ssh};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::backup::{Backup, Manifest};
use model::lock::LockName;
use model::{ResourceId, names};
use std::time::Duration;

/// Every disk of a backup that the VM is to have.
pub struct Restore {
    pub vm: ResourceId,
    pub disks: Vec<String>,
    pub backup: Backup,
}

impl Restore {
    fn path(&self, cx: &Context, disk: &str) -> String {
        names::disk(&cx.settings.storage, self.vm, disk)
    }

    /// Where the chain is fetched to from another machine.
    fn fetched(&self, cx: &Context) -> String {
        format!("{}/chain", names::vm_folder(&cx.settings.storage, self.vm))
    }

    async fn manifest(&self, cx: &Context) -> Result<(Repository, Manifest), Fault> {
        let repository = Repository::of_backup(cx, &self.backup).await?;
        let manifest = repository.present(cx, self.backup.spec.vm, self.backup.id).await?;
        if let Some(disk) = manifest.left_out.iter().find(|disk| self.disks.contains(&disk.name)) {
            let fault = Fault::new(&errors::backups::DISK_LEFT_OUT).hole("backup", self.backup.id);
            return Err(fault.hole("disk", &disk.name).hole("reason", &disk.reason));
        }
        Ok((repository, manifest))
    }

    async fn missing(&self, cx: &Context, manifest: &Manifest) -> Result<Vec<String>, Fault> {
        let mut missing = Vec::new();
        for disk in manifest.disks.iter().filter(|disk| self.disks.contains(&disk.name)) {
            if !cx.run(files::exists(&self.path(cx, &disk.name))).await? {
                missing.push(disk.name.clone());
            }
        }
        Ok(missing)
    }

    /// The folder that has the chain, on this host.
    async fn chain(&self, cx: &Context, repository: &Repository, manifest: &Manifest) -> Result<String, Fault> {
        let vm = self.backup.spec.vm;
        let Some(machine) = repository.machine() else { return Ok(repository.folder(vm)) };
        let folder = self.fetched(cx);
        cx.run(files::remove_tree(&folder)).await?;
        for id in manifest.with_chain() {
            let (there, here) = (repository.backup(vm, id), format!("{folder}/{id}"));
            cx.run(files::make_folder(&here)).await?;
            for disk in &manifest.disks {
                let from = format!("{there}/{}", disk.file);
                cx.run_long(ssh::fetch(machine, &from, &format!("{here}/{}", disk.file))).await?;
            }
        }
        Ok(folder)
    }
}

impl Step for Restore {
    fn name(&self) -> String {
        format!("restore backup {}", self.backup.id)
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(2 * 24 * 3600)
    }

    /// Against its scrub; what it stands on is kept for it.
    fn lock(&self) -> Option<LockName> {
        Some(LockName::Resource { id: self.backup.id })
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let (_, manifest) = self.manifest(cx).await?;
            let is_fetched = cx.run(files::exists(&self.fetched(cx))).await?;
            Ok(Look::done_if(self.missing(cx, &manifest).await?.is_empty() && !is_fetched))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let (repository, manifest) = self.manifest(cx).await?;
            let missing = self.missing(cx, &manifest).await?;
            if !missing.is_empty() {
                cx.note("checking");
                backups::whole(cx, self.backup.spec.repository, self.backup.spec.vm, self.backup.id).await?;
                let chain = self.chain(cx, &repository, &manifest).await?;
                for disk in &missing {
                    cx.note(format!("copying {disk}"));
                    let from = format!("{chain}/{}/{disk}.qcow2", self.backup.id);
                    let path = self.path(cx, disk);
                    let part = format!("{path}.part");
                    let copy = qemu_img::Copy { from: &from, to: &part, ..Default::default() };
                    cx.run_long(qemu_img::convert(&copy)).await?;
                    cx.run(files::rename(&part, &path)).await?;
                }
            }
            cx.run(files::remove_tree(&self.fetched(cx))).await
        })
    }
}
