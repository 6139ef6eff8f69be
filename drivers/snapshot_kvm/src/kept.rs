//! A snapshot as its host keeps it: whole, by libvirt, or disk by disk with a note beside the VM's other files.

use crate::xml;
use commands::virsh::snapshot::{self as whole, read};
use domains::Actual;
use errors::Fault;
use lifecycle::Context;
use model::snapshot::Snapshot;
use model::{ResourceId, names};
use serde::{Deserialize, Serialize};

pub enum Kept {
    Whole(whole::Snapshot),
    ByDisk(Note),
}

/// Written when every disk has its snapshot: then it is taken.
#[derive(Serialize, Deserialize)]
pub struct Note {
    /// The VM as it was.
    pub vm: Actual,
    pub frozen: bool,
}

impl Kept {
    /// None when the snapshot is absent.
    pub async fn read(cx: &Context, snapshot: &Snapshot) -> Result<Option<Self>, Fault> {
        let (vm, name) = (snapshot.spec.vm, names::snapshot(snapshot.id));
        if let Some(note) = note(cx, vm, &name).await? {
            return Ok(Some(Self::ByDisk(note)));
        }
        Ok(cx.run(read(&cx.settings.libvirt_uri, &names::domain(vm), &name)).await?.map(Self::Whole))
    }

    /// The VM as it was.
    pub fn vm(&self, cx: &Context) -> Result<Actual, Fault> {
        match self {
            Self::Whole(kept) => xml::domain(cx, kept),
            Self::ByDisk(note) => Ok(note.vm.clone()),
        }
    }

    pub fn has_memory(&self) -> bool {
        matches!(self, Self::Whole(kept) if kept.with_memory)
    }

    /// Whether the guest's file systems stood still when it was taken.
    pub fn was_frozen(&self) -> bool {
        match self {
            Self::Whole(kept) => xml::was_frozen(&kept.description),
            Self::ByDisk(note) => note.frozen,
        }
    }
}

/// Of a snapshot that was taken disk by disk.
pub async fn note(cx: &Context, vm: ResourceId, name: &str) -> Result<Option<Note>, Fault> {
    let path = names::snapshot_note(&cx.settings.storage, vm, name);
    let Some(bytes) = cx.get(&path).await? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        let unreadable = Fault::new(&errors::driver::ANSWER_UNREADABLE).hole("program", path).hole("host", cx.host());
        unreadable.hole("reason", error)
    })
}
