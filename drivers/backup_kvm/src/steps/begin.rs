//! What is there of an earlier attempt is carried on only when it was made from the same choice.

use crate::job;
use crate::plan::Plan;
use crate::record::Record;
use commands::files;
use commands::virsh::{backup, checkpoint};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::names;
use std::sync::Arc;
use std::time::Duration;

pub struct Begin(pub Arc<Plan>);

impl Begin {
    /// A job's copies are known by its checkpoint, which also says of which moment they are.
    async fn has_lost_checkpoint(&self, cx: &Context) -> Result<bool, Fault> {
        let plan = &self.0;
        if !plan.runs || !plan.is_copied(cx).await? {
            return Ok(false);
        }
        let kept = cx.run(checkpoint::list(&cx.settings.libvirt_uri, &names::domain(plan.vm))).await?;
        Ok(!kept.contains(&plan.checkpoint()))
    }
}

impl Step for Begin {
    fn name(&self) -> String {
        "begin".into()
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(3600)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let plan = &self.0;
            if plan.is_published(cx).await? {
                return Ok(Look::Done);
            }
            let kept = cx.run(files::read(&plan.record_path())).await?;
            let is_same = kept.and_then(|text| Record::read(&text)) == Some(plan.record(cx).await?);
            Ok(Look::done_if(is_same && !self.has_lost_checkpoint(cx).await?))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let plan = &self.0;
            let (uri, domain) = (&cx.settings.libvirt_uri, names::domain(plan.vm));
            if cx.run(backup::running(uri, &domain)).await?.is_some_and(|xml| job::is_ours(&xml, &plan.part())) {
                cx.run(backup::abort(uri, &domain)).await?;
            }
            plan.begin_anew(cx).await
        })
    }
}
