//! What is made, and where.

use backups::exports::Exports;
use errors::Fault;
use lifecycle::Context;
use model::ResourceId;
use model::backup::{Backup, Export};

pub struct Plan {
    pub vm: ResourceId,
    pub backup: ResourceId,
    pub valid_hours: u32,
    repository: Exports,
}

impl Plan {
    pub fn of(backup: &Backup, repository: Exports) -> Self {
        Self { vm: backup.spec.vm, backup: backup.id, valid_hours: backup.spec.valid_hours, repository }
    }

    /// Where all of the VM's backups are.
    pub fn all(&self) -> String {
        self.repository.folder(self.vm)
    }

    /// Its folder once it is whole.
    pub fn whole(&self) -> String {
        self.repository.backup(self.vm, self.backup)
    }

    /// Its folder until then.
    pub fn part(&self) -> String {
        self.repository.part(self.vm, self.backup)
    }

    /// The file that says that the export is whole, and of what.
    pub fn record_path(&self) -> String {
        format!(r"{}\exported.json", self.part())
    }

    pub async fn manifest(&self, cx: &Context) -> Result<Option<Export>, Fault> {
        self.repository.manifest(cx, self.vm, self.backup).await
    }

    /// Whether the repository has it. A folder alone says nothing: the manifest does.
    pub async fn is_published(&self, cx: &Context) -> Result<bool, Fault> {
        Ok(self.manifest(cx).await?.is_some())
    }
}
