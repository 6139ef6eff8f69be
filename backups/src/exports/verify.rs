//! Whether an export is as it was written: every file by its checksum, reckoned on the host. Only looks.

use super::{Exports, MANIFEST, manifest_in};
use commands::hyperv::file;
use errors::Fault;
use hosts::Runner;
use model::ResourceId;
use model::backup::{Checked, Export, ExportFile, Link, Recorded, Repository as Which, Verified};
use model::task::ErrorRecord;

/// All of it, or the first file that is not as it was written. Gives the manifest.
pub async fn whole(cx: &impl Runner, which: Which, vm: ResourceId, backup: ResourceId) -> Result<Export, Fault> {
    let repository = Exports::open(cx, which).await?;
    let manifest = repository.present(cx, vm, backup).await?;
    let folder = repository.backup(vm, backup);
    let there = cx.run(file::tree(&folder)).await?;
    for file in &manifest.files {
        look(cx, &folder, file, &there).await?;
    }
    Ok(manifest)
}

/// Every file of the backups that the records name, each with what is wrong with it. Fails only when it cannot be looked
/// at. An export stands on nothing: each is looked at by itself.
pub async fn verify(cx: &impl Runner, which: Which, vm: ResourceId, chain: &[Recorded]) -> Result<Verified, Fault> {
    let repository = Exports::open(cx, which).await?;
    let mut links = Vec::new();
    for link in chain {
        let folder = repository.backup(vm, link.backup);
        let mut checked = vec![Checked { name: MANIFEST.into(), bytes: 0, error: None }];
        match told(manifest(cx, &repository, vm, link).await)? {
            Err(fault) => checked[0].error = Some(record(cx, &fault)),
            Ok(manifest) => {
                let there = cx.run(file::tree(&folder)).await?;
                let (all, mut done) = (manifest.bytes(), 0_u64);
                for file in &manifest.files {
                    let percent = (done * 100).checked_div(all).unwrap_or(0);
                    cx.note(format!("{percent} % of {} MiB: backup {}, {}", all >> 20, link.backup, file.path));
                    let error = told(look(cx, &folder, file, &there).await)?.err().map(|fault| record(cx, &fault));
                    checked.push(Checked { name: file.path.clone(), bytes: file.bytes, error });
                    done += file.bytes;
                }
            }
        }
        links.push(Link { backup: link.backup, is_scrubbed: false, files: checked });
    }
    Ok(Verified::new(links))
}

/// As its record says it is.
async fn manifest(cx: &impl Runner, repository: &Exports, vm: ResourceId, link: &Recorded) -> Result<Export, Fault> {
    let path = manifest_in(&repository.backup(vm, link.backup));
    let manifest = repository.present(cx, vm, link.backup).await?;
    if (manifest.backup, manifest.vm) != (link.backup, vm) {
        return Err(damaged(&path, format!("it is of backup {} of vm {}", manifest.backup, manifest.vm)));
    }
    let found = cx.run(file::sha256(&path)).await?;
    match &link.sha256 {
        Some(recorded) if found.as_ref() != Some(recorded) => {
            let found = found.unwrap_or_default();
            Err(damaged(&path, format!("its sha256 is {found}, its record says {recorded}")))
        }
        _ => Ok(manifest),
    }
}

/// One file, when it is among those that are there.
async fn look(cx: &impl Runner, folder: &str, file: &ExportFile, there: &[file::Below]) -> Result<(), Fault> {
    let path = format!(r"{folder}\{}", file.path);
    let Some(found) = there.iter().find(|found| model::windows::is_same(&found.path, &path)) else {
        return Err(damaged(&path, "it is absent".into()));
    };
    if found.bytes != file.bytes {
        return Err(damaged(&path, format!("it has {} bytes, the manifest says {}", found.bytes, file.bytes)));
    }
    match cx.run_long(file::sha256(&path)).await? {
        Some(found) if found == file.sha256 => Ok(()),
        found => {
            let found = found.unwrap_or_default();
            Err(damaged(&path, format!("its sha256 is {found}, the manifest says {}", file.sha256)))
        }
    }
}

fn damaged(path: &str, reason: String) -> Fault {
    Fault::new(&errors::backups::FILE_DAMAGED).hole("path", path).hole("reason", reason)
}

/// What is wrong with the backup is an answer; that it could not be looked at is not.
fn told<T>(looked: Result<T, Fault>) -> Result<Result<T, Fault>, Fault> {
    let answers =
        [&errors::backups::FILE_DAMAGED, &errors::backups::MANIFEST_UNREADABLE, &errors::backups::BACKUP_ABSENT];
    match looked {
        Err(fault) if !answers.iter().any(|entry| std::ptr::eq(fault.entry, *entry)) => Err(fault),
        looked => Ok(looked),
    }
}

fn record(cx: &impl Runner, fault: &Fault) -> ErrorRecord {
    ErrorRecord::of_errand(fault, "verify", cx.host())
}
