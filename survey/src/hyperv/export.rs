//! Exports in the server's repositories. One that is set aside is moved within its repository.

use super::moved::{self, Moved};
use crate::{Site, backup};
use ::hyperv::files::exists;
use backups::exports::{Exports, manifest_in};
use commands::hyperv::file::{self, Below};
use errors::Fault;
use model::backup::Repository;
use model::errand::{Found, Sort};
use model::{names, windows};

/// Each repository that the server has, and the word that its backups are named with.
fn words(site: &Site) -> impl Iterator<Item = Repository> {
    let secondary = site.settings.backup.secondary.as_ref().map(|_| Repository::Secondary);
    [Some(Repository::Primary), secondary].into_iter().flatten()
}

async fn of(site: &Site, found: &Found) -> Result<Moved, Fault> {
    let (word, name) = found.name.split_once('/').ok_or_else(|| site.gone(found))?;
    let which = words(site).find(|which| which.word() == word).ok_or_else(|| site.gone(found))?;
    let repository = Exports::open(site, which).await?;
    let place = format!(r"{}\{}", repository.root(), name.replace('/', r"\"));
    Ok(Moved { place, aside: format!(r"{}\{}\{}", repository.root(), backup::ASIDE, names::flat(name)) })
}

pub async fn find(site: &Site) -> Result<Vec<Found>, Fault> {
    let mut all = Vec::new();
    for which in words(site) {
        let repository = Exports::open(site, which).await?;
        let root = repository.root();
        let (mut in_place, mut aside) = (Vec::new(), Vec::new());
        for above in site.run(file::list(root)).await?.into_iter().filter(|above| above.is_folder) {
            let below = site.run(file::list(&above.path)).await?.into_iter().filter(|folder| folder.is_folder);
            match windows::is_same(&above.name, backup::ASIDE) {
                true => aside.extend(below.filter_map(|folder| Some((names::unflat(&folder.name)?, folder.path)))),
                false => in_place.extend(below.map(|folder| (format!("{}/{}", above.name, folder.name), folder.path))),
            }
        }
        let files = site.run(file::tree(root)).await?;
        let mut found = read(which.word(), &in_place, &files);
        let aside = read(which.word(), &aside, &files).into_iter().map(|found| Found { aside: true, ..found });
        // One of the same name may have been made since: the one in its place is the one that is seen.
        let aside: Vec<_> = aside.filter(|aside| !found.iter().any(|other| other.key() == aside.key())).collect();
        found.extend(aside);
        all.extend(found);
    }
    Ok(all)
}

/// Of these folders those that drover has made: with a manifest, or under a name that says that they are not whole.
fn read(word: &str, folders: &[(String, String)], files: &[Below]) -> Vec<Found> {
    let mut all = Vec::new();
    for (name, folder) in folders {
        let Some((_, id, is_part)) = backup::read(name) else { continue };
        let manifest = manifest_in(folder);
        if is_part || files.iter().any(|file| windows::is_same(&file.path, &manifest)) {
            let detail = if is_part { "unfinished" } else { "" }.to_owned();
            let found = Found::new(Sort::Backup, format!("{word}/{name}"), Some(id));
            all.push(Found { detail, bytes: moved::bytes(folder, files), ..found });
        }
    }
    all
}

pub async fn set_aside(site: &Site, found: &Found) -> Result<(), Fault> {
    let export = of(site, found).await?;
    export.set_aside(site, found).await?;
    // The VM's folder goes with the last one in it.
    match export.place.rsplit_once('\\') {
        Some((all, _)) if exists(site, all).await? && site.run(file::list(all)).await?.is_empty() => {
            site.remove(all).await
        }
        _ => Ok(()),
    }
}

pub async fn put_back(site: &Site, found: &Found) -> Result<(), Fault> {
    of(site, found).await?.put_back(site, found).await
}

pub async fn purge(site: &Site, found: &Found) -> Result<(), Fault> {
    of(site, found).await?.purge(site, found).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_a_folder_with_a_manifest_or_one_that_is_not_whole() {
        let folder = |name: &str| (name.to_owned(), format!(r"E:\b\{}", name.replace('/', r"\")));
        let folders = ["7/31", "7/32.part", "7/33.gone", "7/34", "photos/2024", "7/x.part"].map(folder);
        let file = |path: &str| Below { path: format!(r"E:\b\{path}"), bytes: 512 };
        let files = [
            file(r"7\31\manifest.json"),
            file(r"7\31\drover-7\Virtual Hard Disks\root.vhdx"),
            file(r"7\34\letters\manifest.json"),
            file(r"photos\2024\manifest.json"),
        ];
        let found = read("primary", &folders, &files);
        let found: Vec<_> = found.iter().map(|found| (found.to_string(), found.bytes, found.detail.as_str())).collect();
        let row = |text: &str, bytes, detail| (text.to_owned(), bytes, detail);
        assert_eq!(
            found,
            [
                row("backup primary/7/31", 1024, ""),
                row("backup primary/7/32.part", 0, "unfinished"),
                row("backup primary/7/33.gone", 0, "unfinished"),
            ]
        );
    }
}
