//! Bringing disks and hardware back.

use super::LONG;
use commands::hyperv::checkpoint;
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::snapshot::Snapshot;
use model::{ResourceId, windows};
use std::time::Duration;

/// What is written down beside the VM when it was reverted. A revert that was done cannot be told from one that was not: the
/// VM may have stood on that checkpoint before.
#[derive(Clone)]
pub struct Mark {
    pub vm: ResourceId,
    /// A later task reverts again.
    text: String,
}

impl Mark {
    pub fn of(snapshot: &Snapshot) -> Self {
        let task = snapshot.task_id.map_or_else(String::new, |task| format!(", task {task}"));
        Self { vm: snapshot.spec.vm, text: format!("{}{task}\n", snapshot.label()) }
    }

    pub async fn is_made(&self, cx: &Context) -> Result<bool, Fault> {
        let found = cx.get(&windows::reverted(&cx.settings.storage, self.vm)).await?;
        Ok(found.as_deref() == Some(self.text.as_bytes()))
    }

    async fn make(&self, cx: &Context) -> Result<(), Fault> {
        cx.put(&windows::reverted(&cx.settings.storage, self.vm), self.text.as_bytes(), 0o600).await
    }
}

/// The guest stays off until it is written down that this was done: what it does afterwards is not lost to an attempt that
/// does it again.
pub struct Revert {
    pub mark: Mark,
    pub checkpoint: String,
}

impl Step for Revert {
    fn name(&self) -> String {
        "revert".into()
    }

    fn deadline(&self) -> Duration {
        LONG
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.mark.is_made(cx).await?)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let actual = hyperv::present(cx, self.mark.vm).await?;
            cx.run(checkpoint::restore(&actual.id, &self.checkpoint)).await?;
            // A checkpoint that has gone meanwhile is restored without a word.
            let stands_on = hyperv::present(cx, self.mark.vm).await?.parent;
            if stands_on.as_deref() != Some(&self.checkpoint) && !cx.is_dry_run() {
                return Err(Fault::new(&errors::snapshot_hyperv::ABSENT)
                    .hole("checkpoint", &self.checkpoint)
                    .hole("vm", &actual.name)
                    .hole("host", cx.host()));
            }
            self.mark.make(cx).await
        })
    }
}
