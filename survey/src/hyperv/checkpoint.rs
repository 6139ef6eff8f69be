//! Checkpoints of drover's VMs, by their names. What stands on one cannot be taken off and put back: one that is set aside stays
//! as it is, and a note says that nobody claims it.

use super::vm::{self, Marked};
use crate::{Site, note};
use commands::hyperv::checkpoint::{self, Checkpoint};
use errors::Fault;
use model::errand::{Found, Sort};
use model::windows;

pub async fn find(site: &Site, marked: &[Marked]) -> Result<Vec<Found>, Fault> {
    let notes = note::all(site, Sort::Checkpoint).await?;
    let mut all: Vec<Found> = Vec::new();
    for own in marked {
        for checkpoint in site.run(checkpoint::list(&own.vm.id)).await?.iter().filter(|known| is_ours(known)) {
            let name = format!("{}/{}", own.vm.name, checkpoint.name);
            let found = Found::new(Sort::Checkpoint, name, windows::snapshot_of(&checkpoint.name));
            // Hyper-V lets several have one name: what is done to one is done to all.
            if !all.iter().any(|other| other.key() == found.key()) {
                all.push(Found { aside: notes.contains(&found.name), ..found });
            }
        }
    }
    Ok(all)
}

/// What a backup program makes for itself is not.
fn is_ours(checkpoint: &Checkpoint) -> bool {
    let snapshot = windows::snapshot_of(&checkpoint.name);
    checkpoint.kind != "Recovery" && snapshot.is_some_and(|snapshot| windows::checkpoint(snapshot) == checkpoint.name)
}

/// The VM, and those of its checkpoints that have the name.
async fn named(site: &Site, found: &Found) -> Result<Option<(Marked, Vec<Checkpoint>)>, Fault> {
    let (name, own) = found.name.rsplit_once('/').unwrap_or((&found.name, ""));
    let Some(vm) = vm::marked_as(site, name).await? else { return Ok(None) };
    let mut all = site.run(checkpoint::list(&vm.vm.id)).await?;
    all.retain(|checkpoint| is_ours(checkpoint) && checkpoint.name == own);
    Ok(Some((vm, all)))
}

async fn is_there(site: &Site, found: &Found) -> Result<(), Fault> {
    let named = named(site, found).await?.filter(|(_, named)| !named.is_empty());
    named.map(drop).ok_or_else(|| site.gone(found))
}

pub async fn set_aside(site: &Site, found: &Found) -> Result<(), Fault> {
    is_there(site, found).await?;
    note::write(site, found, &()).await
}

pub async fn put_back(site: &Site, found: &Found) -> Result<(), Fault> {
    is_there(site, found).await?;
    note::remove(site, found).await
}

/// What stood on it stands on what is beneath it, once its files are merged.
pub async fn purge(site: &Site, found: &Found) -> Result<(), Fault> {
    if let Some((own, named)) = named(site, found).await? {
        if !named.is_empty() && note::read::<()>(site, found).await?.is_none() {
            return Err(site.in_place(found));
        }
        let folder = windows::vm_folder(&site.settings.storage, own.resource);
        vm::merged(site, &own.vm.id, &folder).await?;
        for checkpoint in named {
            site.run(checkpoint::remove(&own.vm.id, &checkpoint.id)).await?;
            vm::merged(site, &own.vm.id, &folder).await?;
        }
    }
    note::remove(site, found).await
}
