//! Folders of VMs that are not there: disks, discs, what was being made. Each is set aside as a whole: its disks may stand on
//! each other.

use super::moved::{self, Moved};
use super::vm::{self, Marked};
use crate::Site;
use ::hyperv::files::{disk, readable};
use commands::hyperv::file::{self, Below};
use commands::hyperv::held;
use commands::hyperv::vm::{self as vms, Vm};
use errors::Fault;
use model::errand::{Found, Sort};
use model::{ResourceId, names, windows};
use std::collections::BTreeSet;

fn of(site: &Site, found: &Found) -> Moved {
    let storage = &site.settings.storage;
    let place = format!(r"{}\{}", windows::vms(storage), found.name);
    Moved { place, aside: windows::aside(storage, found.sort, &found.name) }
}

/// A VM, and a path that it has something at.
#[derive(Clone)]
struct Stand {
    vm: String,
    name: String,
    path: String,
}

/// Where the VMs of the host have their configurations, disks and discs, whosever they are.
async fn stands(site: &Site, present: &[Vm]) -> Result<Vec<Stand>, Fault> {
    let configurations =
        present.iter().map(|vm| Stand { vm: vm.id.clone(), name: vm.name.clone(), path: vm.path.clone() });
    let mut stands: Vec<Stand> = configurations.collect();
    for command in [held::disks(), held::checkpoint_disks(), held::discs()] {
        let held = site.run(command).await?;
        stands.extend(held.into_iter().map(|held| Stand { vm: held.vm, name: held.vm_name, path: held.path }));
    }
    Ok(stands)
}

/// What the disks of other makers' VMs stand on. Drover's stand on images, and on what is in their own folders.
async fn beneath(site: &Site, present: &[Vm], stands: &[Stand]) -> Result<Vec<Stand>, Fault> {
    let mut beneath = Vec::new();
    let own = vm::marked(site, present);
    let is_theirs = |stand: &&Stand| !own.iter().any(|own| own.vm.id.eq_ignore_ascii_case(&stand.vm));
    for stand in stands.iter().filter(|stand| stand.path.to_lowercase().ends_with("vhdx")).filter(is_theirs) {
        let mut next = Some(stand.path.clone());
        while let Some(path) = next.take() {
            // One that cannot be read is broken already.
            next = readable(disk(site, &path).await)?.and_then(|disk| disk.parent);
            beneath.extend(next.clone().map(|path| Stand { path, ..stand.clone() }));
        }
    }
    Ok(beneath)
}

/// A fault when any VM but this one has something in the folder, or stands on it.
pub async fn is_free(site: &Site, found: &Found, folder: &str, but: Option<&Vm>) -> Result<(), Fault> {
    let present = site.run(vms::list()).await?;
    let mut all = stands(site, &present).await?;
    all.extend(beneath(site, &present, &all).await?);
    let is_here = |path: &str| windows::is_below(path, folder) || windows::is_same(path, folder);
    let is_another = |vm: &str| but.is_none_or(|own| !own.id.eq_ignore_ascii_case(vm));
    let users = all.iter().filter(|stand| is_here(&stand.path) && is_another(&stand.vm));
    let users: BTreeSet<String> = users.map(|stand| format!("VM {}", stand.name)).collect();
    match users.is_empty() {
        true => Ok(()),
        false => Err(site.in_use(found, &users.into_iter().collect::<Vec<_>>().join(", "))),
    }
}

pub async fn find(site: &Site, present: &[Vm], marked: &[Marked], files: &[Below]) -> Result<Vec<Found>, Fault> {
    let storage = &site.settings.storage;
    let mut taken: BTreeSet<ResourceId> = marked.iter().map(|own| own.resource).collect();
    taken.extend(stands(site, present).await?.iter().filter_map(|stand| windows::vm_of(storage, &stand.path)));
    let folders = site.run(file::list(&windows::vms(storage))).await?;
    let folders = folders.into_iter().filter(|folder| folder.is_folder);
    let in_place = folders.filter_map(|folder| Some((windows::vm_of(storage, &folder.path)?, folder.path, false)));
    let mut all: Vec<_> = in_place.filter(|(vm, ..)| !taken.contains(vm)).map(|folder| read(folder, files)).collect();
    let quarantine = windows::quarantine(storage, Sort::Disk);
    let files = site.run(file::tree(&quarantine)).await?;
    for folder in site.run(file::list(&quarantine)).await? {
        let vm = names::unflat(&folder.name).and_then(|name| name.parse().ok());
        // One of the same name may have been made since: the one in its place is the one that is seen.
        let Some(vm) = vm.filter(|vm| !all.iter().any(|found| found.resource == Some(*vm))) else { continue };
        all.push(read((vm, folder.path, true), &files));
    }
    Ok(all)
}

fn read((vm, folder, aside): (ResourceId, String, bool), files: &[Below]) -> Found {
    let count = files.iter().filter(|file| windows::is_below(&file.path, &folder)).count();
    let detail = match count {
        0 => "an empty folder".to_owned(),
        1 => "a folder with 1 file".to_owned(),
        count => format!("a folder with {count} files"),
    };
    let bytes = moved::bytes(&folder, files);
    Found { aside, bytes, detail, ..Found::new(Sort::Disk, vm.to_string(), Some(vm)) }
}

pub async fn set_aside(site: &Site, found: &Found) -> Result<(), Fault> {
    let folder = of(site, found);
    is_free(site, found, &folder.place, None).await?;
    folder.set_aside(site, found).await
}

pub async fn put_back(site: &Site, found: &Found) -> Result<(), Fault> {
    of(site, found).put_back(site, found).await
}

pub async fn purge(site: &Site, found: &Found) -> Result<(), Fault> {
    let folder = of(site, found);
    is_free(site, found, &folder.aside, None).await?;
    folder.purge(site, found).await
}
