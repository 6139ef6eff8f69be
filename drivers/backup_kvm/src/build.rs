//! Builds a backup: all disks of one moment, compressed, with checksums and a manifest; the guest goes on meanwhile.

use crate::plan::Plan;
use crate::steps::{begin::Begin, copy::Copy, marked::Marked, pack::Pack, publish::Publish, seal::Seal, undo};
use backups::Repository;
use commands::files;
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::backup::Backup;
use model::event::Event;
use serde_json::json;
use std::sync::Arc;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, backup: &Backup) -> Result<Prerequisite<Repository>, Fault> {
    let vm = cx.vm()?;
    if vm.spec.disks.iter().all(|disk| disk.pool.is_some()) {
        let refused = Fault::new(&errors::backup_kvm::NO_DISKS).hole("vm", vm.label());
        return Ok(Prerequisite::Refuse(refused));
    }
    Ok(cx.needs_vm_at_rest(Repository::open(cx, backup.spec.repository).await?))
}

pub async fn execute(cx: &Context, backup: &Backup, repository: Repository) -> Result<(), Fault> {
    let vm = backup.spec.vm;
    // Not before: only the VM's lock keeps its disks and its other backups as they are.
    let plan = Arc::new(Plan::look(cx, backup).await?);
    let mut steps = Steps::new();
    steps.then(Marked { which: backup.spec.repository, backup: backup.id });
    steps.then(Begin(plan.clone()));
    if plan.runs {
        steps.then(Copy(plan.clone()));
    }
    for disk in &plan.disks {
        steps.then(Pack { plan: plan.clone(), disk: disk.clone() });
    }
    steps.then(Seal(plan.clone())).then(Publish(plan.clone()));
    if let Err(fault) = cx.carry_out(steps).await {
        return Err(cx.undo(fault, undo::all(cx, vm, backup.id, &repository)).await);
    }
    facts(cx, backup, &repository).await
}

/// What the repository has now.
async fn facts(cx: &Context, backup: &Backup, repository: &Repository) -> Result<(), Fault> {
    let vm = backup.spec.vm;
    let folder = repository.backup(vm, backup.id);
    if let Some(manifest) = repository.manifest(cx, vm, backup.id).await? {
        cx.fact("kind", json!(manifest.kind));
        cx.fact("why_full", json!(manifest.why_full));
        cx.fact("parent", json!(manifest.parent()));
        cx.fact("chain", json!(manifest.chain));
        cx.fact("bytes", json!(manifest.bytes()));
        cx.fact("made_at", json!(manifest.made_at));
        cx.fact("valid_until", json!(manifest.valid_until));
        let sum = cx.run(repository.on(files::sha256(&backups::manifest_in(&folder)))).await?;
        cx.fact("sha256", json!(sum));
        let left_out = manifest.left_out.iter().map(|disk| format!("{}: {}", disk.name, disk.reason));
        cx.fact("left_out", json!(left_out.collect::<Vec<_>>()));
        cx.fact("repository", json!(backup.spec.repository));
        let id = Repository::open(cx, backup.spec.repository).await?.id().map(str::to_owned);
        cx.fact(backups::REPOSITORY_ID, json!(id));
        // Where it is on the host is not its owner's to know.
        cx.fact("folder", json!(null));
    }
    Ok(())
}
