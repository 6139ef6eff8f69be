//! A VM that goes takes its checkpoints with it: whole trees, from their roots.

use commands::hyperv::checkpoint::{self, Checkpoint};
use errors::Fault;
use hyperv::merge::remove_checkpoints;
use hyperv::own;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::ResourceId;
use std::time::Duration;

pub struct NoCheckpoints {
    pub vm: ResourceId,
}

async fn found(cx: &Context, vm: ResourceId) -> Result<Vec<Checkpoint>, Fault> {
    match own(cx, vm).await? {
        Some(found) => cx.run(checkpoint::list(&found.id)).await,
        None => Ok(Vec::new()),
    }
}

impl Step for NoCheckpoints {
    fn name(&self) -> String {
        "remove checkpoints".into()
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(3600)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(found(cx, self.vm).await?.is_empty())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            match own(cx, self.vm).await? {
                Some(found) => remove_checkpoints(cx, &found.id).await,
                None => Ok(()),
            }
        })
    }
}
