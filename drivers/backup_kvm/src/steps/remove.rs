//! A backup's files go when no other backup stands on them: until then they are kept, marked as scrubbed, and the scrub of
//! the last that stands on them takes them along.

use backups::{Found, Repository};
use commands::files;
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::ResourceId;
use std::time::Duration;

pub struct Remove {
    pub vm: ResourceId,
    pub backup: ResourceId,
    pub repository: Repository,
}

impl Remove {
    async fn all(&self, cx: &Context) -> Result<Vec<Found>, Fault> {
        let mut all = Vec::new();
        for id in self.repository.ids(cx, self.vm).await? {
            all.extend(self.repository.found(cx, self.vm, id).await?);
        }
        Ok(all)
    }

    /// Folders that are being removed.
    async fn gone(&self, cx: &Context) -> Result<Vec<String>, Fault> {
        let names = self.repository.names(cx, self.vm).await?;
        let gone = names.iter().filter(|name| name.ends_with(".gone"));
        Ok(gone.map(|name| format!("{}/{name}", self.repository.folder(self.vm))).collect())
    }

    async fn is_empty(&self, cx: &Context) -> Result<bool, Fault> {
        let folder = self.repository.folder(self.vm);
        let is_there = cx.run(self.repository.on(files::exists(&folder))).await?;
        Ok(is_there && self.repository.names(cx, self.vm).await?.is_empty())
    }
}

/// Scrubbed, and nothing stands on it; the newest first, so that what it stands on comes after it.
fn unneeded(all: &[Found]) -> Option<&Found> {
    let stands_on = |id: ResourceId| all.iter().any(|other| other.manifest.parent() == Some(id));
    all.iter().find(|found| found.is_scrubbed && !stands_on(found.manifest.backup))
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
            let all = self.all(cx).await?;
            let own = all.iter().find(|found| found.manifest.backup == self.backup);
            let is_kept = own.is_none_or(|own| own.is_scrubbed);
            let done = is_kept && unneeded(&all).is_none() && self.gone(cx).await?.is_empty();
            Ok(Look::done_if(done && !self.is_empty(cx).await?))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let repository = &self.repository;
            let mut all = self.all(cx).await?;
            if let Some(own) = all.iter_mut().find(|found| found.manifest.backup == self.backup) {
                cx.run(repository.on(files::mark(&repository.mark(self.vm, self.backup)))).await?;
                own.is_scrubbed = true;
            }
            while let Some(found) = unneeded(&all) {
                let id = found.manifest.backup;
                let folder = repository.backup(self.vm, id);
                // Renamed first: half a backup has no plain name.
                cx.run(repository.on(files::rename(&folder, &format!("{folder}.gone")))).await?;
                all.retain(|found| found.manifest.backup != id);
            }
            if let Some(own) = all.iter().find(|found| found.manifest.backup == self.backup) {
                let needed = all.iter().filter(|other| other.manifest.chain.contains(&own.manifest.backup)).count();
                cx.note(format!("kept for {needed} that stand on it"));
            }
            for folder in self.gone(cx).await? {
                cx.run(repository.on(files::remove_tree(&folder))).await?;
            }
            if self.is_empty(cx).await? {
                cx.run(repository.on(files::remove_tree(&repository.folder(self.vm)))).await?;
            }
            Ok(())
        })
    }
}
