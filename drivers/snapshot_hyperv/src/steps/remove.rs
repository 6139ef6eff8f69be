//! Removing one checkpoint, alone or with all that stands on it; what is left then stands on what is beneath it.

use super::LONG;
use crate::plan::all;
use commands::hyperv::checkpoint;
use hyperv::merge::Merged;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::ResourceId;
use std::time::Duration;

pub struct Remove {
    pub vm: ResourceId,
    /// Of the checkpoint; empty when it is gone.
    pub id: String,
    pub name: String,
    pub with_tree: bool,
}

impl Step for Remove {
    fn name(&self) -> String {
        format!("remove {}", self.name)
    }

    fn deadline(&self) -> Duration {
        LONG + Merged::of(self.vm).deadline()
    }

    /// A VM that is gone took its checkpoints along.
    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let Some(actual) = hyperv::own(cx, self.vm).await? else { return Ok(Look::Done) };
            let all = all(cx, &actual.id).await?;
            Ok(Look::done_if(!all.iter().any(|checkpoint| checkpoint.id == self.id)))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let (actual, merged) = (hyperv::present(cx, self.vm).await?, Merged::of(self.vm));
            match self.with_tree {
                true => cx.run(checkpoint::remove_tree(&actual.id, &self.id)).await?,
                false => cx.run(checkpoint::remove(&actual.id, &self.id)).await?,
            }
            // Not before its files are merged is it gone.
            merged.act(cx).await
        })
    }
}
