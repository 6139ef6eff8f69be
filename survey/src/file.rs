//! Files of VMs: disks, seeds, logs, what was being made. One that is set aside is moved, by one rename.

use crate::Site;
use commands::files::{self, Below};
use errors::Fault;
use model::errand::{Found, Sort};
use model::{ResourceId, names};

/// Below this folder a file is named by its VM and itself.
fn folder(site: &Site) -> String {
    format!("{}/vms", site.settings.storage)
}

fn place(site: &Site, found: &Found) -> String {
    format!("{}/{}", folder(site), found.name)
}

fn aside(site: &Site, found: &Found) -> String {
    names::aside(&site.settings.storage, found.sort, &found.name)
}

/// `7/root.qcow2`, or `7` for an empty folder; none when it is in no VM's folder.
fn read(name: &str, bytes: u64) -> Option<Found> {
    let (vm, file) = name.split_once('/').unwrap_or((name, ""));
    let sort = if file.starts_with("seed.img") { Sort::Seed } else { Sort::Disk };
    let detail = match file.rsplit('.').next().unwrap_or_default() {
        "" => "an empty folder",
        "part" => "unfinished",
        "log" => "a log",
        _ => "",
    };
    let vm = ResourceId(vm.parse().ok()?);
    Some(Found { bytes, detail: detail.into(), ..Found::new(sort, name, Some(vm)) })
}

fn in_place(below: &[Below]) -> impl Iterator<Item = Found> {
    let is_empty = |folder: &str| {
        let inside = format!("{folder}/");
        !below.iter().any(|other| other.path.starts_with(&inside))
    };
    let files = below.iter().filter(move |below| !below.is_folder || is_empty(&below.path));
    files.filter_map(|below| read(&below.path, if below.is_folder { 0 } else { below.bytes }))
}

pub async fn find(site: &Site) -> Result<Vec<Found>, Fault> {
    let below = site.run(files::tree(&folder(site), 2)).await?;
    let mut all: Vec<Found> = in_place(&below).collect();
    for sort in [Sort::Disk, Sort::Seed] {
        let below = site.run(files::tree(&names::quarantine(&site.settings.storage, sort), 1)).await?;
        let found = below.iter().filter_map(|below| read(&names::unflat(&below.path)?, below.bytes));
        // A file of the same name may have been made since: the one in its place is the one that is seen.
        let found: Vec<_> = found.filter(|found| !all.iter().any(|other| other.key() == found.key())).collect();
        all.extend(found.into_iter().map(|found| Found { aside: true, ..found }));
    }
    Ok(all)
}

/// Moves it, unless it has been moved already.
async fn rename(site: &Site, found: &Found, from: &str, to: &str) -> Result<(), Fault> {
    let is_there = (site.run(files::exists(from)).await?, site.run(files::exists(to)).await?);
    if !site.is_to_move(found, is_there, to)? {
        return Ok(());
    }
    if let Some((parent, _)) = to.rsplit_once('/') {
        site.run(files::make_folder(parent)).await?;
    }
    site.run(files::rename(from, to)).await
}

pub async fn set_aside(site: &Site, found: &Found) -> Result<(), Fault> {
    let place = place(site, found);
    rename(site, found, &place, &aside(site, found)).await?;
    // The folder goes with the last file in it.
    match place.rsplit_once('/') {
        Some((parent, _)) if found.name.contains('/') && site.run(files::list(parent)).await?.is_empty() => {
            site.remove(parent).await
        }
        _ => Ok(()),
    }
}

pub async fn put_back(site: &Site, found: &Found) -> Result<(), Fault> {
    rename(site, found, &aside(site, found), &place(site, found)).await
}

pub async fn purge(site: &Site, found: &Found) -> Result<(), Fault> {
    let aside = aside(site, found);
    if !site.run(files::exists(&aside)).await? && site.run(files::exists(&place(site, found))).await? {
        return Err(site.in_place(found));
    }
    site.remove(&aside).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_counts_only_when_nothing_is_in_it() {
        let below = |path: &str, is_folder| Below { path: path.into(), is_folder, bytes: 4096 };
        let tree = [
            below("7", true),
            below("7/root.qcow2", false),
            below("7/seed.img", false),
            below("7/serial.log", false),
            below("8", true),
            below("lost+found", true),
            below("notes.txt", false),
        ];
        let found: Vec<_> = in_place(&tree).map(|found| (found.to_string(), found.bytes, found.detail)).collect();
        let row = |text: &str, bytes, detail: &str| (text.to_owned(), bytes, detail.to_owned());
        assert_eq!(
            found,
            [
                row("disk 7/root.qcow2", 4096, ""),
                row("seed 7/seed.img", 4096, ""),
                row("disk 7/serial.log", 4096, "a log"),
                row("disk 8", 0, "an empty folder"),
            ]
        );
    }
}
