//! The kind of checkpoints that the VM makes. Another one than a production checkpoint is somebody's choice: it is asked for
//! while the snapshot is taken, and put back.
//!
//! Guarantees: what it was is written down before it is changed, so that an attempt that carries on puts it back too.

use crate::plan::kept;
use commands::hyperv::vm;
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::snapshot::Snapshot;
use model::{ResourceId, windows};

/// The file with what it was.
async fn before(cx: &Context, vm: ResourceId) -> Result<Option<String>, Fault> {
    let found = cx.get(&windows::checkpoint_type(&cx.settings.storage, vm)).await?;
    Ok(found.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()))
}

pub struct Production {
    pub snapshot: Snapshot,
}

impl Step for Production {
    fn name(&self) -> String {
        "ask for production checkpoints".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let actual = hyperv::present(cx, self.snapshot.spec.vm).await?;
            // `ProductionOnly` is stricter: that one fails where the other falls back.
            let done = actual.checkpoint_type.starts_with("Production");
            Ok(Look::done_if(done || kept(cx, &self.snapshot, &actual.id).await?.is_some()))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let id = self.snapshot.spec.vm;
            let actual = hyperv::present(cx, id).await?;
            let path = windows::checkpoint_type(&cx.settings.storage, id);
            cx.put(&path, actual.checkpoint_type.as_bytes(), 0o600).await?;
            cx.run(vm::set_checkpoint_type(&actual.id, "Production")).await
        })
    }
}

pub struct PutBack {
    pub vm: ResourceId,
}

impl Step for PutBack {
    fn name(&self) -> String {
        "put the kind of checkpoints back".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(before(cx, self.vm).await?.is_none())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            if let Some(kind) = before(cx, self.vm).await? {
                let actual = hyperv::present(cx, self.vm).await?;
                cx.run(vm::set_checkpoint_type(&actual.id, &kind)).await?;
            }
            cx.remove(&windows::checkpoint_type(&cx.settings.storage, self.vm)).await
        })
    }
}
