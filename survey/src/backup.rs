//! Folders of backups in the server's repositories. One that is set aside is moved within its repository, by one rename.

use crate::Site;
use commands::files::{self, Below};
use commands::ssh::{self, Machine};
use errors::Fault;
use hosts::Command;
use model::backup::Manifest;
use model::errand::{Found, Sort};
use model::server::backup::Place;
use model::{ResourceId, names};
use std::collections::BTreeMap;

/// Where a repository keeps what was set aside, so that the rename stays on its disk.
pub const ASIDE: &str = "quarantine";

/// A folder of backups, by the word that its backups are named with.
struct Root {
    word: &'static str,
    folder: String,
    /// The machine that it is on, when that is not the host itself.
    machine: Option<Machine>,
}

impl Root {
    fn all(site: &Site) -> Vec<Self> {
        let (settings, storage) = (&site.settings.backup, &site.settings.storage);
        let primary = settings.primary.clone().unwrap_or_else(|| names::backups(storage));
        let root = |word, text: &str| {
            // The API has checked the text.
            let (folder, machine) = match Place::read(text).ok()? {
                Place::Folder(folder) => (folder, None),
                Place::Ssh { address, folder } => {
                    (folder, Some(Machine { address, config: settings.ssh_config.clone() }))
                }
            };
            Some(Self { word, folder, machine })
        };
        let mut roots =
            vec![root("primary", &primary), settings.secondary.as_ref().and_then(|text| root("secondary", text))];
        roots.push(root("outgoing", &names::outgoing_backups(storage)));
        roots.into_iter().flatten().collect()
    }

    fn of(site: &Site, found: &Found) -> Result<(Self, String), Fault> {
        let (word, name) = found.name.split_once('/').ok_or_else(|| site.gone(found))?;
        let root = Self::all(site).into_iter().find(|root| root.word == word);
        root.map(|root| (root, name.to_owned())).ok_or_else(|| site.gone(found))
    }

    fn folder(&self) -> &str {
        &self.folder
    }

    /// The command on the machine that has it.
    fn on<T>(&self, command: Command<T>) -> Command<T> {
        match &self.machine {
            None => command,
            Some(machine) => ssh::on(machine, command),
        }
    }

    fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.folder())
    }

    fn aside(&self, name: &str) -> String {
        format!("{}/{ASIDE}/{}", self.folder(), names::flat(name))
    }

    /// What the folder holds, as `find` tells it three levels deep.
    fn read(&self, below: &[Below]) -> Vec<Found> {
        let mut all: BTreeMap<String, (Found, bool)> = BTreeMap::new();
        for entry in below {
            let parts: Vec<&str> = entry.path.split('/').collect();
            let (name, aside, file) = match parts.as_slice() {
                [ASIDE, flat, rest @ ..] => match names::unflat(flat) {
                    Some(name) => (name, true, rest.first()),
                    None => continue,
                },
                [vm, backup, rest @ ..] => (format!("{vm}/{backup}"), false, rest.first()),
                _ => continue,
            };
            let Some((_, backup, is_part)) = read(&name) else { continue };
            let (found, is_ours) = all.entry(name.clone()).or_insert_with(|| {
                (Found { aside, ..Found::new(Sort::Backup, format!("{}/{name}", self.word), Some(backup)) }, is_part)
            });
            found.bytes += if entry.is_folder { 0 } else { entry.bytes };
            *is_ours |= file == Some(&"manifest.json");
            if is_part {
                found.detail = "unfinished".into();
            }
        }
        all.into_values().filter(|(_, is_ours)| *is_ours).map(|(found, _)| found).collect()
    }
}

/// `7/31`, `7/31.part`: the VM, the backup, and whether it is being made or removed.
pub fn read(name: &str) -> Option<(ResourceId, ResourceId, bool)> {
    let (vm, backup) = name.split_once('/')?;
    let whole = backup.strip_suffix(".part").or_else(|| backup.strip_suffix(".gone"));
    let id = whole.unwrap_or(backup).parse().ok()?;
    Some((vm.parse().ok()?, id, whole.is_some()))
}

/// Whose backup it is.
pub fn vm(found: &Found) -> Option<ResourceId> {
    found.name.split('/').nth(1)?.parse().ok()
}

pub async fn find(site: &Site) -> Result<Vec<Found>, Fault> {
    let mut all = Vec::new();
    for root in Root::all(site) {
        let below = site.run(root.on(files::tree(root.folder(), 3))).await?;
        let mut found = root.read(&below);
        // A backup that was scrubbed stays as long as others stand on it; they say so.
        let scrubbed = below.iter().filter_map(|entry| entry.path.strip_suffix("/scrubbed")?.split_once('/'));
        for vm in scrubbed.map(|(vm, _)| vm).collect::<std::collections::BTreeSet<_>>() {
            users(site, &root, &format!("{}/{vm}/", root.word), &mut found).await?;
        }
        all.extend(found);
    }
    Ok(all)
}

/// Adds to each backup of a VM those that stand on it.
async fn users(site: &Site, root: &Root, vm: &str, all: &mut [Found]) -> Result<(), Fault> {
    let own: Vec<String> = all.iter().map(|found| found.name.clone()).filter(|name| name.starts_with(vm)).collect();
    for name in own {
        let (_, folder) = name.split_once('/').unwrap_or_default();
        let path = format!("{}/manifest.json", root.place(folder));
        let Some(text) = site.run(root.on(files::read(&path))).await? else { continue };
        // One that cannot be read says nothing of others: then nobody knows what stands on what.
        let manifest: Manifest = serde_json::from_str(&text).map_err(|error| {
            Fault::new(&errors::backups::MANIFEST_UNREADABLE).hole("path", &path).hole("reason", error)
        })?;
        for found in all.iter_mut().filter(|found| found.name.starts_with(vm)) {
            if found.resource.is_some_and(|id| manifest.chain.contains(&id)) {
                found.users.push(manifest.backup);
            }
        }
    }
    Ok(())
}

async fn rename(site: &Site, found: &Found, root: &Root, from: &str, to: &str) -> Result<(), Fault> {
    let exists = async |path: &str| site.run(root.on(files::exists(path))).await;
    if !site.is_to_move(found, (exists(from).await?, exists(to).await?), to)? {
        return Ok(());
    }
    if let Some((parent, _)) = to.rsplit_once('/') {
        site.run(root.on(files::make_folder(parent))).await?;
    }
    site.run(root.on(files::rename(from, to))).await
}

pub async fn set_aside(site: &Site, found: &Found) -> Result<(), Fault> {
    let (root, name) = Root::of(site, found)?;
    rename(site, found, &root, &root.place(&name), &root.aside(&name)).await
}

pub async fn put_back(site: &Site, found: &Found) -> Result<(), Fault> {
    let (root, name) = Root::of(site, found)?;
    rename(site, found, &root, &root.aside(&name), &root.place(&name)).await
}

pub async fn purge(site: &Site, found: &Found) -> Result<(), Fault> {
    let (root, name) = Root::of(site, found)?;
    let exists = async |path: String| site.run(root.on(files::exists(&path))).await;
    if !exists(root.aside(&name)).await? && exists(root.place(&name)).await? {
        return Err(site.in_place(found));
    }
    site.run(root.on(files::remove_tree(&root.aside(&name)))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_a_folder_with_a_manifest_or_one_that_is_being_made() {
        let below = |path: &str, is_folder| Below { path: path.into(), is_folder, bytes: 512 };
        let tree = [
            below("7", true),
            below("7/31", true),
            below("7/31/root.qcow2", false),
            below("7/31/manifest.json", false),
            below("7/32.part", true),
            below("7/33", true),
            below("7/33/letters.txt", false),
            below("quarantine/7+30", true),
            below("quarantine/7+30/manifest.json", false),
            below("photos/2024", true),
        ];
        let root = Root { word: "primary", folder: "/b".into(), machine: None };
        let found: Vec<_> = root.read(&tree).iter().map(|f| (f.to_string(), f.resource, f.bytes, f.aside)).collect();
        let row = |text: &str, id, bytes, aside| (text.to_owned(), Some(ResourceId(id)), bytes, aside);
        assert_eq!(
            found,
            [
                row("backup primary/7/30", 30, 512, true),
                row("backup primary/7/31", 31, 1024, false),
                row("backup primary/7/32.part", 32, 0, false),
            ]
        );
    }
}
