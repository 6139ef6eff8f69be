//! Builds a backup: a whole export of the VM, with checksums and a manifest; the guest goes on meanwhile.

use crate::plan::Plan;
use crate::steps::{export::Exported, publish::Publish, remove::RemovePart, seal::Seal};
use backups::exports::{Exports, manifest_in};
use commands::hyperv::file;
use errors::Fault;
use hyperv::merge::Merged;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::backup::Backup;
use model::event::Event;
use serde_json::json;
use std::sync::Arc;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, backup: &Backup) -> Result<Prerequisite<Exports>, Fault> {
    Ok(cx.needs_vm_at_rest(Exports::open(cx, backup.spec.repository).await?))
}

pub async fn execute(cx: &Context, backup: &Backup, repository: Exports) -> Result<(), Fault> {
    let plan = Arc::new(Plan::of(backup, repository));
    let mut steps = Steps::new();
    // Nothing is exported while files are merged.
    steps.then(Merged::of(plan.vm));
    steps.then(Exported(plan.clone())).then(Seal(plan.clone())).then(Publish(plan.clone()));
    if let Err(fault) = cx.carry_out(steps).await {
        let mut back = Steps::new();
        back.then(RemovePart { part: plan.part() });
        return Err(cx.undo(fault, back).await);
    }
    facts(cx, &plan).await
}

/// What the repository has now. An export stands on nothing, so it is always a full one.
async fn facts(cx: &Context, plan: &Plan) -> Result<(), Fault> {
    if let Some(manifest) = plan.manifest(cx).await? {
        cx.fact("kind", json!("full"));
        cx.fact("chain", json!([]));
        cx.fact("consistency", json!(manifest.consistency));
        cx.fact("why_crash", json!(manifest.why_crash));
        cx.fact("bytes", json!(manifest.bytes()));
        cx.fact("made_at", json!(manifest.made_at));
        cx.fact("valid_until", json!(manifest.valid_until));
        let sum = cx.run(file::sha256(&manifest_in(&plan.whole()))).await?;
        cx.fact("sha256", json!(sum));
        cx.fact("folder", json!(plan.whole()));
    }
    Ok(())
}
