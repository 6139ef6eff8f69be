//! Whether a backup and all that it stands on are as they were written. Only looks.

use crate::{MANIFEST, Repository, manifest_in};
use commands::{files, qemu_img};
use errors::Fault;
use hosts::Runner;
use model::ResourceId;
use model::backup::{Checked, Link, Manifest, ManifestDisk, Recorded, Repository as Which, Verified};
use model::task::ErrorRecord;

/// Every file of the chain, or the first that is not as it was written. Gives the manifests, the full one first.
pub async fn whole(cx: &impl Runner, which: Which, vm: ResourceId, backup: ResourceId) -> Result<Vec<Manifest>, Fault> {
    let repository = Repository::open(cx, which).await?;
    let newest = repository.present(cx, vm, backup).await?;
    let mut chain = Vec::new();
    for id in newest.with_chain() {
        let manifest = repository.present(cx, vm, id).await?;
        for disk in &manifest.disks {
            file(cx, &repository, &manifest, disk, true).await?;
        }
        chain.push(manifest);
    }
    Ok(chain)
}

/// Every file of the chain that the records name, each with what is wrong with it. Fails only when it cannot be looked at.
pub async fn verify(cx: &impl Runner, which: Which, vm: ResourceId, chain: &[Recorded]) -> Result<Verified, Fault> {
    let repository = Repository::open(cx, which).await?;
    let mut manifests = Vec::new();
    for (at, link) in chain.iter().enumerate() {
        let beneath: Vec<ResourceId> = chain[..at].iter().map(|link| link.backup).collect();
        manifests.push(told(manifest(cx, &repository, vm, link, &beneath).await)?);
    }
    let all = manifests.iter().flatten().map(Manifest::bytes).sum::<u64>();
    let (mut done, mut links) = (0_u64, Vec::<Link>::new());
    for (link, manifest) in chain.iter().zip(manifests) {
        // What stands on something damaged cannot be opened, and is not to blame for it.
        let opens = links.iter().all(Link::is_whole);
        let is_scrubbed = cx.run(repository.on(files::exists(&repository.mark(vm, link.backup)))).await?;
        let mut checked = vec![Checked { name: MANIFEST.into(), bytes: 0, error: None }];
        match manifest {
            Err(fault) => checked[0].error = Some(record(cx, &fault)),
            Ok(manifest) => {
                for disk in &manifest.disks {
                    let percent = (done * 100).checked_div(all).unwrap_or(0);
                    cx.note(format!("{percent} % of {} MiB: backup {}, {}", all >> 20, link.backup, disk.name));
                    let looked = told(file(cx, &repository, &manifest, disk, opens).await)?;
                    let error = looked.err().map(|fault| record(cx, &fault));
                    checked.push(Checked { name: disk.file.clone(), bytes: disk.bytes, error });
                    done += disk.bytes;
                }
            }
        }
        links.push(Link { backup: link.backup, is_scrubbed, files: checked });
    }
    Ok(Verified::new(links))
}

/// As its record says it is.
async fn manifest(
    cx: &impl Runner,
    repository: &Repository,
    vm: ResourceId,
    link: &Recorded,
    beneath: &[ResourceId],
) -> Result<Manifest, Fault> {
    let path = manifest_in(&repository.backup(vm, link.backup));
    let manifest = repository.present(cx, vm, link.backup).await?;
    if (manifest.backup, manifest.vm) != (link.backup, vm) {
        return Err(damaged(&path, format!("it is of backup {} of vm {}", manifest.backup, manifest.vm)));
    }
    if manifest.chain != beneath {
        let list = |ids: &[ResourceId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let reason = format!("it stands on [{}], its record says [{}]", list(&manifest.chain), list(beneath));
        return Err(damaged(&path, reason));
    }
    let found = cx.run(repository.on(files::sha256(&path))).await?;
    match &link.sha256 {
        Some(recorded) if found.as_ref() != Some(recorded) => {
            let found = found.unwrap_or_default();
            Err(damaged(&path, format!("its sha256 is {found}, its record says {recorded}")))
        }
        _ => Ok(manifest),
    }
}

/// Its checksum, and when it can be opened and the repository is on the host itself, its inner structure.
async fn file(
    cx: &impl Runner,
    repository: &Repository,
    manifest: &Manifest,
    disk: &ManifestDisk,
    opens: bool,
) -> Result<(), Fault> {
    let path = format!("{}/{}", repository.backup(manifest.vm, manifest.backup), disk.file);
    match cx.run_long(repository.on(files::sha256(&path))).await? {
        None => return Err(damaged(&path, "it is absent".into())),
        Some(found) if found != disk.sha256 => {
            return Err(damaged(&path, format!("its sha256 is {found}, the manifest says {}", disk.sha256)));
        }
        Some(_) => {}
    }
    if opens
        && repository.machine().is_none()
        && let Some(reason) = cx.run_long(qemu_img::check(&path)).await?
    {
        return Err(damaged(&path, reason));
    }
    Ok(())
}

fn damaged(path: &str, reason: String) -> Fault {
    Fault::new(&errors::backups::FILE_DAMAGED).hole("path", path).hole("reason", reason)
}

/// What is wrong with the backup is an answer; that it could not be looked at is not.
fn told<T>(looked: Result<T, Fault>) -> Result<Result<T, Fault>, Fault> {
    let is_answer = |fault: &Fault| {
        let answers =
            [&errors::backups::FILE_DAMAGED, &errors::backups::MANIFEST_UNREADABLE, &errors::backups::BACKUP_ABSENT];
        answers.iter().any(|entry| std::ptr::eq(fault.entry, *entry))
    };
    match looked {
        Err(fault) if !is_answer(&fault) => Err(fault),
        looked => Ok(looked),
    }
}

fn record(cx: &impl Runner, fault: &Fault) -> ErrorRecord {
    ErrorRecord::of_errand(fault, "verify", cx.host())
}
