//! Taking a checkpoint.

use super::LONG;
use crate::plan::kept;
use commands::hyperv::checkpoint;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::snapshot::Snapshot;
use model::windows;
use std::time::Duration;

pub struct Take {
    pub snapshot: Snapshot,
}

impl Step for Take {
    fn name(&self) -> String {
        "take snapshot".into()
    }

    fn deadline(&self) -> Duration {
        LONG
    }

    /// Hyper-V lists a checkpoint when it is whole; a second of the same name is nobody's wish.
    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let actual = hyperv::present(cx, self.snapshot.spec.vm).await?;
            Ok(Look::done_if(kept(cx, &self.snapshot, &actual.id).await?.is_some()))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let actual = hyperv::present(cx, self.snapshot.spec.vm).await?;
            cx.run(checkpoint::take(&actual.id, &windows::checkpoint(self.snapshot.id))).await
        })
    }
}
