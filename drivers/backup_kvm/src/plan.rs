//! What a build works with: the VM's disks as they are now, and what the backup is made from.

use crate::choice::{Choice, choose};
use backups::Repository;
use commands::virsh::{self, State, checkpoint};
use commands::{files, qemu_img};
use domains::Which;
use errors::Fault;
use lifecycle::Context;
use model::backup::{Backup, Manifest};
use model::{ResourceId, names};
use std::sync::OnceLock;

/// A disk of the VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub name: String,
    pub path: String,
    /// Its name in the domain: `vda`.
    pub target: String,
    /// As the guest sees it, in bytes.
    pub size: u64,
}

pub struct Plan {
    pub vm: ResourceId,
    pub backup: ResourceId,
    pub valid_hours: u32,
    pub repository: Repository,
    pub disks: Vec<Source>,
    pub runs: bool,
    choice: Choice,
    /// Why libvirt would not make an increment.
    refused: OnceLock<String>,
    /// Checkpoints of the repository's other backups.
    pub checkpoints: Vec<String>,
}

impl Plan {
    /// Under the VM's lock: what is found stays so.
    pub async fn look(cx: &Context, backup: &Backup) -> Result<Self, Fault> {
        let (vm, uri) = (backup.spec.vm, &cx.settings.libvirt_uri);
        let domain = names::domain(vm);
        let repository = Repository::open(cx, backup.spec.repository).await?;
        let runs = !matches!(cx.run(virsh::state(uri, &domain)).await?, None | Some(State::ShutOff));
        let actual = domains::present(cx, vm, if runs { Which::Live } else { Which::Kept }).await?;
        let mut disks = Vec::new();
        for disk in actual.disks {
            let size = cx.run(qemu_img::info(&disk.path)).await?.unwrap_or_default().bytes;
            disks.push(Source { name: disk.name, path: disk.path, target: disk.target, size });
        }
        if disks.is_empty() {
            return Err(Fault::new(&errors::backup_kvm::NO_DISKS).hole("domain", domain));
        }
        let others = repository.ids(cx, vm).await?;
        let newest = newest(cx, &repository, backup, &others).await?;
        let kept = cx.run(checkpoint::list(uri, &domain)).await?;
        let own = others.iter().filter(|id| **id != backup.id).map(|id| names::checkpoint(*id));
        let checkpoints = own.filter(|name| kept.contains(name)).collect();
        let choice = choose(runs, &disks, newest, cx.settings.backup.full_every);
        let valid_hours = backup.spec.valid_hours;
        let refused = OnceLock::new();
        let plan = Self { vm, backup: backup.id, valid_hours, repository, disks, runs, choice, refused, checkpoints };
        if let Some(why) = cx.run(files::read(&plan.refusal())).await? {
            plan.refuse(&why);
        }
        Ok(plan)
    }

    /// It becomes a full one.
    pub fn refuse(&self, why: &str) {
        // Said once: of a full one libvirt refuses nothing of this sort.
        let _ = self.refused.set(why.to_owned());
    }

    /// Why it is a full one; none when it is an increment.
    pub fn why_full(&self) -> Option<&str> {
        match &self.choice {
            Choice::Full(why) => Some(why),
            Choice::Since(_) => self.refused.get().map(String::as_str),
        }
    }

    /// The file that says why it is a full one, for who carries on.
    pub fn refusal(&self) -> String {
        format!("{}/refused", self.part())
    }

    /// What the backup holds the difference to.
    pub fn parent(&self) -> Option<&Manifest> {
        match &self.choice {
            Choice::Full(_) => None,
            Choice::Since(manifest) => Some(manifest.as_ref()).filter(|_| self.refused.get().is_none()),
        }
    }

    pub fn checkpoint(&self) -> String {
        names::checkpoint(self.backup)
    }

    /// Where it is made.
    pub fn part(&self) -> String {
        names::backup_part(&self.repository.desk(), self.vm, self.backup)
    }

    /// A finished disk in there.
    pub fn file(&self, disk: &str) -> String {
        format!("{}/{disk}.qcow2", self.part())
    }

    /// A disk in there as the job has left it.
    pub fn copy(&self, disk: &str) -> String {
        format!("{}/{disk}.copy", self.part())
    }

    /// Whether the repository has it.
    pub async fn is_published(&self, cx: &Context) -> Result<bool, Fault> {
        Ok(self.repository.manifest(cx, self.vm, self.backup).await?.is_some())
    }
}

async fn newest(
    cx: &Context,
    repository: &Repository,
    backup: &Backup,
    ids: &[ResourceId],
) -> Result<Option<Manifest>, Fault> {
    for id in ids.iter().filter(|id| **id != backup.id) {
        if let Some(found) = repository.found(cx, backup.spec.vm, *id).await?
            && !found.is_scrubbed
        {
            return Ok(Some(found.manifest));
        }
    }
    Ok(None)
}
