//! Taking and deleting a snapshot disk by disk, for a VM of whose disks libvirt takes none together.
//!
//! Guarantees: a running guest is paused while its disks' snapshots are taken, so that they are of one moment; whatever comes
//! of it, the same step or the next attempt's lets it go on. A snapshot is taken when its note is written; disks that have it
//! without a note are those of an attempt that was lost.

use super::{LONG, disk, freeze, is_frozen, state, thaw};
use crate::kept::{Note, note};
use commands::files;
use commands::virsh::{self, State};
use domains::{Actual, ActualDisk, Which, own, present};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::vm::Vm;
use model::{ResourceId, names};
use std::time::Duration;

pub struct TakeByDisk {
    pub vm: ResourceId,
    pub name: String,
}

impl TakeByDisk {
    async fn is_paused(&self, cx: &Context) -> Result<bool, Fault> {
        Ok(matches!(state(cx, self.vm).await?, Some(State::Other(word)) if word == "paused"))
    }

    async fn is_taken(&self, cx: &Context) -> Result<bool, Fault> {
        let Some(note) = note(cx, self.vm, &self.name).await? else { return Ok(false) };
        for disk in &note.vm.disks {
            if !disk::has(cx, self.vm, disk, &self.name).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn let_go(&self, cx: &Context, frozen: bool) -> Result<(), Fault> {
        if self.is_paused(cx).await? {
            cx.run(virsh::resume(&cx.settings.libvirt_uri, &names::domain(self.vm))).await?;
        }
        thaw(cx, self.vm, frozen).await
    }

    /// What an attempt that was lost has taken: not of one moment with what is taken now.
    async fn clear(&self, cx: &Context, vm: &Actual) -> Result<(), Fault> {
        for own in &vm.disks {
            if disk::has(cx, self.vm, own, &self.name).await? {
                disk::remove(cx, self.vm, own, &self.name).await?;
            }
        }
        Ok(())
    }

    async fn take(&self, cx: &Context, vm: &Actual) -> Result<(), Fault> {
        if state(cx, self.vm).await? == Some(State::Running) {
            cx.run(virsh::suspend(&cx.settings.libvirt_uri, &names::domain(self.vm))).await?;
        }
        for own in &vm.disks {
            disk::take(cx, self.vm, own, &self.name).await?;
        }
        Ok(())
    }
}

impl Step for TakeByDisk {
    fn name(&self) -> String {
        "take snapshot of each disk".into()
    }

    fn deadline(&self) -> Duration {
        LONG
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let stands = self.is_paused(cx).await? || is_frozen(cx, self.vm).await? == Some(true);
            Ok(Look::done_if(!stands && self.is_taken(cx).await?))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            // What an attempt that was lost has left so.
            self.let_go(cx, false).await?;
            if self.is_taken(cx).await? {
                return Ok(());
            }
            let vm = present(cx, self.vm, Which::Live).await?;
            self.clear(cx, &vm).await?;
            let frozen = freeze(cx, self.vm).await?;
            let taken = self.take(cx, &vm).await;
            self.let_go(cx, frozen).await?;
            taken?;
            let note = serde_json::to_vec(&Note { vm, frozen }).unwrap_or_default();
            cx.put(&names::snapshot_note(&cx.settings.storage, self.vm, &self.name), &note, 0o600).await
        })
    }
}

/// No disk has it, and its note is gone. Of a snapshot that libvirt has taken whole nothing is found here.
pub struct DeleteByDisk {
    pub vm: ResourceId,
    pub name: String,
    /// The disks of the VM's wish.
    wished: Vec<ActualDisk>,
}

impl DeleteByDisk {
    pub fn of(cx: &Context, vm: &Vm, name: String) -> Self {
        let one = |disk: &model::vm::Disk| {
            let image = disk.image(vm.id);
            let is_image = image.is_some();
            let path = image.unwrap_or_else(|| names::disk(&cx.settings.storage, vm.id, &disk.name));
            ActualDisk { name: disk.name.clone(), path, target: String::new(), is_image }
        };
        Self { vm: vm.id, name, wished: vm.spec.disks.iter().map(one).collect() }
    }

    async fn note_is_there(&self, cx: &Context) -> Result<bool, Fault> {
        cx.run(files::exists(&names::snapshot_note(&cx.settings.storage, self.vm, &self.name))).await
    }

    /// Those of its note, of the definition and of the wish that have it.
    async fn disks(&self, cx: &Context) -> Result<Vec<ActualDisk>, Fault> {
        let then = note(cx, self.vm, &self.name).await?.map(|note| note.vm.disks);
        let now = own(cx, self.vm, Which::Live).await?.map(|vm| vm.disks);
        let mut found: Vec<ActualDisk> = Vec::new();
        for disk in then.into_iter().chain(now).flatten().chain(self.wished.iter().cloned()) {
            let is_new = found.iter().all(|other| other.path != disk.path);
            if is_new && disk::has(cx, self.vm, &disk, &self.name).await? {
                found.push(disk);
            }
        }
        Ok(found)
    }
}

impl Step for DeleteByDisk {
    fn name(&self) -> String {
        format!("delete {} of each disk", self.name)
    }

    fn deadline(&self) -> Duration {
        LONG
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(!self.note_is_there(cx).await? && self.disks(cx).await?.is_empty())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            for disk in self.disks(cx).await? {
                disk::remove(cx, self.vm, &disk, &self.name).await?;
            }
            if self.note_is_there(cx).await? {
                cx.remove(&names::snapshot_note(&cx.settings.storage, self.vm, &self.name)).await?;
            }
            Ok(())
        })
    }
}
