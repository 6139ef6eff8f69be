//! What a build works with: the VM's disks as they are now, and what the backup is made from.

use crate::choice::{Choice, choose};
use crate::record::Record;
use backups::Repository;
use commands::virsh::{self, State, checkpoint};
use commands::{files, qemu_img};
use domains::Which;
use errors::Fault;
use lifecycle::Context;
use model::backup::{Backup, LeftOut, Manifest};
use model::{ResourceId, names};
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// A disk of the VM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    pub left_out: Vec<LeftOut>,
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
        let images = actual.disks.iter().filter(|disk| disk.is_image).map(|disk| LeftOut {
            name: disk.name.clone(),
            reason: format!("it is the image {} of a Ceph cluster, no file of the host", disk.path),
        });
        let volumes = actual.volumes.iter().map(|volume| LeftOut {
            name: names::volume(volume.id),
            reason: format!("volume {} is a resource of its own in a Ceph cluster", volume.id),
        });
        let left_out = images.chain(volumes).collect();
        for disk in actual.disks.into_iter().filter(|disk| !disk.is_image) {
            let size = cx.run(qemu_img::info(&disk.path)).await?.unwrap_or_default().bytes;
            disks.push(Source { name: disk.name, path: disk.path, target: disk.target, size });
        }
        if disks.is_empty() {
            return Err(Fault::new(&errors::backup_kvm::NO_DISKS).hole("vm", cx.vm()?.label()));
        }
        let others = repository.ids(cx, vm).await?;
        let newest = newest(cx, &repository, backup, &others).await?;
        let kept = cx.run(checkpoint::list(uri, &domain)).await?;
        let own = others.iter().filter(|id| **id != backup.id).map(|id| names::checkpoint(*id));
        let checkpoints = own.filter(|name| kept.contains(name)).collect();
        let choice = choose(runs, &disks, newest, cx.settings.backup.full_every);
        let valid_hours = backup.spec.valid_hours;
        let refused = OnceLock::new();
        let backup = backup.id;
        let plan = Self { vm, backup, valid_hours, repository, disks, left_out, runs, choice, refused, checkpoints };
        let record = cx.run(files::read(&plan.record_path())).await?.and_then(|text| Record::read(&text));
        if let Some(why) = record.filter(|record| record.since == plan.since()).and_then(|record| record.refused) {
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

    /// What was chosen, before libvirt was asked.
    fn since(&self) -> Option<ResourceId> {
        match &self.choice {
            Choice::Full(_) => None,
            Choice::Since(manifest) => Some(manifest.backup),
        }
    }

    /// The file with what was chosen, for who carries on.
    pub fn record_path(&self) -> String {
        format!("{}/plan.json", self.part())
    }

    /// As it is to be now.
    pub async fn record(&self, cx: &Context) -> Result<Record, Fault> {
        let mut written = Vec::new();
        for disk in self.disks.iter().filter(|_| !self.runs) {
            written.push(cx.run(files::modified(&disk.path)).await?);
        }
        let (since, refused) = (self.since(), self.refused.get().cloned());
        Ok(Record { runs: self.runs, since, refused, disks: self.disks.clone(), written })
    }

    /// Nothing is left of what was made so far but what it is made from.
    pub async fn begin_anew(&self, cx: &Context) -> Result<(), Fault> {
        domains::checkpoint::delete(cx, self.vm, &self.checkpoint()).await?;
        // First: half of what was there is not to be taken for all of it.
        cx.remove(&self.record_path()).await?;
        cx.run(files::remove_tree(&self.part())).await?;
        cx.run(files::make_folder(&self.part())).await?;
        // Not before: deleting a checkpoint may write to a disk.
        let record = self.record(cx).await?;
        cx.put(&self.record_path(), record.text().as_bytes(), 0o600).await
    }

    /// Whether a job has copied every disk.
    pub async fn is_copied(&self, cx: &Context) -> Result<bool, Fault> {
        for disk in &self.disks {
            let is_there = cx.run(files::exists(&self.copy(&disk.name))).await?
                || cx.run(files::exists(&self.file(&disk.name))).await?;
            if !is_there {
                return Ok(false);
            }
        }
        Ok(true)
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

/// The newest one that is kept for itself; or why nothing can stand on it.
async fn newest(
    cx: &Context,
    repository: &Repository,
    backup: &Backup,
    ids: &[ResourceId],
) -> Result<Result<Option<Manifest>, String>, Fault> {
    let vm = backup.spec.vm;
    for id in ids.iter().filter(|id| **id != backup.id) {
        let found = repository.found(cx, vm, *id).await?;
        if found.is_scrubbed {
            continue;
        }
        let manifest = match found.manifest {
            Ok(manifest) => manifest,
            Err(why) => return Ok(Err(why)),
        };
        for link in &manifest.chain {
            if let Err(why) = repository.found(cx, vm, *link).await?.manifest {
                return Ok(Err(why));
            }
        }
        return Ok(Ok(Some(manifest)));
    }
    Ok(Ok(None))
}
