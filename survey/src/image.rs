//! Images of Ceph pools with drover's metadata. One that is set aside has another name, by one rename; what is in a pool's
//! trash is on its way out already, and none of this.

use crate::Site;
use commands::{ceph, rbd};
use errors::Fault;
use model::errand::{Found, Sort};
use model::{ImageId, ResourceId, names};

/// What an image's mark is called; it names the resource.
const MARK: &str = "drover.resource";

/// The same of a copy that disks of VMs are cloned from; it names the VMs' image.
const COPY_MARK: &str = "drover.image";

/// What an image is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Resource(ResourceId),
    Image(ImageId),
}

/// What one that was found is of.
fn found_owner(found: &Found) -> Option<Owner> {
    let copy = found.name.split_once('/').and_then(|(_, image)| names::copy_of(image));
    copy.map(Owner::Image).or(found.resource.map(Owner::Resource))
}

/// Behind the name of one that is set aside.
const ASIDE: &str = ".aside";

fn aside(found: &Found) -> String {
    format!("{}{ASIDE}", found.name)
}

pub async fn find(site: &Site) -> Result<Vec<Found>, Fault> {
    let settings = &site.settings.ceph;
    let mut all: Vec<Found> = Vec::new();
    for pool in site.run(ceph::pools(settings)).await? {
        for image in site.run(rbd::list(settings, &pool.name)).await? {
            let path = names::in_pool(&pool.name, &image);
            let Some(owner) = owner(site, &path, &image).await? else { continue };
            // It may have gone since it was listed.
            let Some(info) = site.run(rbd::info(settings, &path)).await? else { continue };
            let (name, aside) = match path.strip_suffix(ASIDE) {
                Some(name) => (name.to_owned(), true),
                None => (path, false),
            };
            let (resource, detail) = match owner {
                Owner::Image(id) => (None, format!("copy of image {id}")),
                Owner::Resource(id) if image.ends_with(".part") => (Some(id), "unfinished".to_owned()),
                Owner::Resource(id) => (Some(id), String::new()),
            };
            let found = Found::new(Sort::Image, name, resource);
            all.push(Found { aside, bytes: info.bytes, detail, ..found });
        }
    }
    // One of the same name may have been made since: the one in its place is the one that is seen.
    all.sort_by(|a, b| (&a.name, a.aside).cmp(&(&b.name, b.aside)));
    all.dedup_by(|later, first| later.name == first.name);
    Ok(all)
}

/// What its mark says; of one that was not finished, its name. None for another maker's.
async fn owner(site: &Site, path: &str, image: &str) -> Result<Option<Owner>, Fault> {
    let plain = image.strip_suffix(ASIDE).unwrap_or(image);
    if let Some(copy) = names::copy_of(plain) {
        let marks = site.run(rbd::metadata(&site.settings.ceph, path)).await?;
        return Ok((marks.get(COPY_MARK) == Some(&copy.to_string())).then_some(Owner::Image(copy)));
    }
    let whole = plain.strip_suffix(".part");
    let Some(named) = names::image_owner(whole.unwrap_or(plain)) else { return Ok(None) };
    let marks = site.run(rbd::metadata(&site.settings.ceph, path)).await?;
    let id = match marks.get(MARK) {
        Some(mark) => mark.parse().ok(),
        None => whole.map(|_| named),
    };
    Ok(id.map(Owner::Resource))
}

/// Whether an image of this path is there; a fault when it is not drover's own any more.
async fn is_there(site: &Site, found: &Found, path: &str) -> Result<bool, Fault> {
    if site.run(rbd::info(&site.settings.ceph, path)).await?.is_none() {
        return Ok(false);
    }
    let image = path.split_once('/').map_or(path, |(_, image)| image);
    if owner(site, path, image).await? == found_owner(found) { Ok(true) } else { Err(site.foreign(found)) }
}

async fn needs_nobody(site: &Site, found: &Found, path: &str) -> Result<(), Fault> {
    let watchers = site.run(rbd::watchers(&site.settings.ceph, path)).await?;
    if watchers.is_empty() {
        return Ok(());
    }
    let name = |watcher: &rbd::Watcher| format!("client.{} at {}", watcher.client, watcher.address);
    Err(site.in_use(found, &watchers.iter().map(name).collect::<Vec<_>>().join(", ")))
}

async fn rename(site: &Site, found: &Found, from: &str, to: &str) -> Result<(), Fault> {
    match (is_there(site, found, from).await?, is_there(site, found, to).await?) {
        (false, true) => return Ok(()),
        (false, false) => return Err(site.gone(found)),
        (true, true) => return Err(site.taken(found, to)),
        (true, false) => {}
    }
    needs_nobody(site, found, from).await?;
    site.run(rbd::rename(&site.settings.ceph, from, to)).await
}

pub async fn set_aside(site: &Site, found: &Found) -> Result<(), Fault> {
    rename(site, found, &found.name, &aside(found)).await
}

pub async fn put_back(site: &Site, found: &Found) -> Result<(), Fault> {
    rename(site, found, &aside(found), &found.name).await
}

/// The snapshot of a copy, on which clones stand: for as long as they do, it is in use.
async fn forget_clonable(site: &Site, found: &Found, path: &str) -> Result<(), Fault> {
    let settings = &site.settings.ceph;
    let clonable = names::clonable(path);
    for snapshot in site.run(rbd::snapshots(settings, path)).await? {
        if names::at(path, &snapshot.name) != clonable {
            continue;
        }
        if snapshot.is_protected() && !site.run(rbd::unprotect(settings, &clonable)).await? {
            return Err(site.in_use(found, "clones"));
        }
        site.run(rbd::remove_snapshot(settings, &clonable)).await?;
    }
    Ok(())
}

/// One with other snapshots is refused by `rbd`, and stays.
pub async fn purge(site: &Site, found: &Found) -> Result<(), Fault> {
    let path = aside(found);
    if !is_there(site, found, &path).await? {
        return if is_there(site, found, &found.name).await? { Err(site.in_place(found)) } else { Ok(()) };
    }
    needs_nobody(site, found, &path).await?;
    if let Some(Owner::Image(_)) = found_owner(found) {
        forget_clonable(site, found, &path).await?;
    }
    site.run(rbd::remove(&site.settings.ceph, &path)).await
}
