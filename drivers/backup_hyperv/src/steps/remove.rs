//! Taking away what is not whole, and what is not wanted any more.

use commands::hyperv::file;
use errors::Fault;
use hyperv::files::exists;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::windows;
use std::time::Duration;

const GLANCE: Duration = Duration::from_millis(500);

/// What an export that nobody stopped gets to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// An unfinished folder with all that is in it. Hyper-V goes on with an export whose worker was lost, and has its files open
/// until it ends.
pub async fn remove_part(cx: &Context, part: &str) -> Result<(), Fault> {
    let mut glances = PATIENCE.as_millis() / GLANCE.as_millis();
    loop {
        if !exists(cx, part).await? {
            return Ok(());
        }
        let fault = match cx.run(file::remove_tree(part)).await {
            Err(fault) if std::ptr::eq(fault.entry, &errors::driver::COMMAND_FAILED) => fault,
            removed => return removed,
        };
        if glances == 0 {
            let goes_on = Fault::new(&errors::backup_hyperv::EXPORT_GOES_ON).hole("folder", part);
            return Err(goes_on.hole("host", cx.host()).hole("reason", fault.text()));
        }
        glances -= 1;
        cx.note("an earlier export has its files open");
        cx.pause(GLANCE).await?;
    }
}

pub struct RemovePart {
    pub part: String,
}

impl Step for RemovePart {
    fn name(&self) -> String {
        "remove unfinished files".into()
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(3600)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(!exists(cx, &self.part).await?)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(remove_part(cx, &self.part))
    }
}

/// A backup, and the VM's folder with the last one.
pub struct Remove {
    pub whole: String,
    pub all: String,
}

impl Remove {
    async fn is_empty(&self, cx: &Context) -> Result<bool, Fault> {
        Ok(exists(cx, &self.all).await? && cx.run(file::list(&self.all)).await?.is_empty())
    }
}

impl Step for Remove {
    fn name(&self) -> String {
        "remove files".into()
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(6 * 3600)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let is_left = exists(cx, &self.whole).await? || exists(cx, &windows::gone(&self.whole)).await?;
            Ok(Look::done_if(!is_left && !self.is_empty(cx).await?))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let gone = windows::gone(&self.whole);
            if exists(cx, &self.whole).await? {
                // Renamed first: half a backup has no plain name.
                if exists(cx, &gone).await? {
                    cx.run(file::remove_tree(&gone)).await?;
                }
                cx.run(file::rename(&self.whole, &gone)).await?;
            }
            if exists(cx, &gone).await? || cx.is_dry_run() {
                cx.run(file::remove_tree(&gone)).await?;
            }
            if self.is_empty(cx).await? {
                // Only ever an empty one: what a listing has missed stays.
                cx.remove(&self.all).await?;
            }
            Ok(())
        })
    }
}
