//! Giving the backup its plain name, once all of it is on the repository's disks: the name says that it is whole.

use super::remove::remove_part;
use crate::plan::Plan;
use commands::hyperv::file;
use lifecycle::{Acted, Context, Look, Looked, Step};
use std::sync::Arc;
use std::time::Duration;

pub struct Publish(pub Arc<Plan>);

impl Step for Publish {
    fn name(&self) -> String {
        "publish".into()
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(3600)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.0.is_published(cx).await?)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let (part, whole) = (self.0.part(), self.0.whole());
            // Without a manifest it is no backup, whoever left it there.
            remove_part(cx, &whole).await?;
            cx.remove(&self.0.record_path()).await?;
            cx.run(file::flush(&part)).await?;
            cx.run(file::rename(&part, &whole)).await
        })
    }
}
