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
            all.push(self.repository.found(cx, self.vm, id).await?);
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

/// Whether another one stands on it; one that cannot be read may stand on any, until it is scrubbed itself.
fn is_needed(all: &[Found], id: ResourceId) -> bool {
    all.iter().filter(|other| other.backup != id).any(|other| match &other.manifest {
        Ok(manifest) => manifest.chain.contains(&id),
        Err(_) => !other.is_scrubbed,
    })
}

/// Scrubbed, and nothing stands on it.
fn unneeded(all: &[Found]) -> Option<ResourceId> {
    all.iter().find(|found| found.is_scrubbed && !is_needed(all, found.backup)).map(|found| found.backup)
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
            let own = all.iter().find(|found| found.backup == self.backup);
            let is_kept = own.is_none_or(|own| own.is_scrubbed);
            let done = is_kept && unneeded(&all).is_none() && self.gone(cx).await?.is_empty();
            Ok(Look::done_if(done && !self.is_empty(cx).await?))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let repository = &self.repository;
            let mut all = self.all(cx).await?;
            if let Some(own) = all.iter_mut().find(|found| found.backup == self.backup) {
                cx.run(repository.on(files::mark(&repository.mark(self.vm, self.backup)))).await?;
                own.is_scrubbed = true;
            }
            while let Some(id) = unneeded(&all) {
                let folder = repository.backup(self.vm, id);
                // Renamed first: half a backup has no plain name.
                cx.run(repository.on(files::rename(&folder, &format!("{folder}.gone")))).await?;
                all.retain(|found| found.backup != id);
            }
            if all.iter().any(|found| found.backup == self.backup) {
                let chains = all.iter().filter_map(|other| other.manifest.as_ref().ok());
                let needed = chains.filter(|manifest| manifest.chain.contains(&self.backup)).count();
                cx.note(format!("kept for {needed} that stand on it"));
            }
            for folder in self.gone(cx).await? {
                cx.run(repository.on(files::remove_tree(&folder))).await?;
            }
            if self.is_empty(cx).await? {
                // Only ever an empty one: what a listing has missed stays.
                cx.run(repository.on(files::remove_folder(&repository.folder(self.vm)))).await?;
            }
            Ok(())
        })
    }
}
