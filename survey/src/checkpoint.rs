//! Checkpoints of drover's domains. A checkpoint does nothing but record what is written, and ending that cannot be undone:
//! one that is set aside goes on as it is, and a note says that nobody claims it.

use crate::domain::Marked;
use crate::{Site, note};
use commands::qemu_img;
use commands::virsh::{self, State, checkpoint};
use errors::Fault;
use model::errand::{Found, Sort};
use model::{ResourceId, names};

/// The domain, and the checkpoint's own name.
fn parts(found: &Found) -> (&str, &str) {
    found.name.split_once('/').unwrap_or((&found.name, ""))
}

fn number(name: &str) -> Option<ResourceId> {
    name.strip_prefix("drover-")?.parse().ok()
}

/// Whose guest it is.
pub fn vm(found: &Found) -> Option<ResourceId> {
    number(parts(found).0)
}

pub async fn find(site: &Site, domains: &[Marked]) -> Result<Vec<Found>, Fault> {
    let notes = note::all(site, Sort::Checkpoint).await?;
    let mut all = Vec::new();
    for domain in domains {
        for own in site.run(checkpoint::list(&site.settings.libvirt_uri, &domain.name)).await? {
            let Some(backup) = number(&own).filter(|backup| names::checkpoint(*backup) == own) else { continue };
            let found = Found::new(Sort::Checkpoint, format!("{}/{own}", domain.name), Some(backup));
            all.push(Found { aside: notes.contains(&found.name), ..found });
        }
    }
    Ok(all)
}

async fn is_there(site: &Site, found: &Found) -> Result<bool, Fault> {
    let (domain, own) = parts(found);
    Ok(site.run(checkpoint::list(&site.settings.libvirt_uri, domain)).await?.iter().any(|name| name == own))
}

pub async fn set_aside(site: &Site, found: &Found) -> Result<(), Fault> {
    if !is_there(site, found).await? {
        return Err(site.gone(found));
    }
    note::write(site, found, &()).await
}

pub async fn put_back(site: &Site, found: &Found) -> Result<(), Fault> {
    if !is_there(site, found).await? {
        return Err(site.gone(found));
    }
    note::remove(site, found).await
}

/// With its bitmaps; what it recorded the others have too.
pub async fn purge(site: &Site, found: &Found) -> Result<(), Fault> {
    let (domain, own) = parts(found);
    let uri = &site.settings.libvirt_uri;
    if is_there(site, found).await? {
        if note::read::<()>(site, found).await?.is_none() {
            return Err(site.in_place(found));
        }
        let is_off = site.run(virsh::state(uri, domain)).await? == Some(State::ShutOff);
        // Libvirt does this only for what runs.
        let is_lost = !is_off
            && match site.run(checkpoint::delete(uri, domain, own)).await {
                Err(fault) if !checkpoint::is_lost(&fault.text()) => return Err(fault),
                deleted => deleted.is_err(),
            };
        if is_off || is_lost {
            remove_bitmaps(site, domain, own).await?;
            site.run(checkpoint::forget(uri, domain, own)).await?;
        }
    }
    note::remove(site, found).await
}

/// Out of the disks that no guest has open.
async fn remove_bitmaps(site: &Site, domain: &str, own: &str) -> Result<(), Fault> {
    let uri = &site.settings.libvirt_uri;
    let xml = site.run(virsh::definition(uri, domain)).await?.unwrap_or_default();
    if site.run(virsh::state(uri, domain)).await? != Some(State::ShutOff) {
        return Ok(());
    }
    for disk in domains::read(&xml).map(|actual| actual.disks).unwrap_or_default() {
        if site.run(qemu_img::info(&disk.path)).await?.is_some_and(|info| info.has_bitmap(own)) {
            site.run(qemu_img::remove_bitmap(&disk.path, own)).await?;
        }
    }
    Ok(())
}
