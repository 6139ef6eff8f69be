//! Repositories of a Windows host: a folder a VM, a folder a backup, in it one whole export and its manifest, written last.

mod verify;

pub use verify::{verify, whole};

use commands::hyperv::file;
use errors::Fault;
use hosts::Runner;
use model::backup::{EXPORT_FORMAT, Export, Repository as Which};
use model::{ResourceId, windows};

const MANIFEST: &str = "manifest.json";

/// One repository of a host.
#[derive(Clone, Debug)]
pub struct Exports {
    folder: String,
}

impl Exports {
    /// The one that the server's settings name, which must be there: one whose drive is away is not made anew.
    pub async fn open(cx: &impl Runner, which: Which) -> Result<Self, Fault> {
        let settings = cx.settings();
        let usual = windows::backups(&settings.storage);
        let named = match which {
            Which::Primary => settings.backup.primary.clone().or_else(|| Some(usual.clone())),
            Which::Secondary => settings.backup.secondary.clone(),
        };
        let folder = named.ok_or_else(|| {
            Fault::new(&errors::backups::NO_REPOSITORY).hole("host", cx.host()).hole("repository", which.word())
        })?;
        if folder == usual || cx.run(file::find(&folder)).await?.is_some() {
            return Ok(Self { folder });
        }
        Err(Fault::new(&errors::backups::REPOSITORY_ABSENT).hole("folder", folder).hole("host", cx.host()))
    }

    /// Where all of it is.
    pub fn root(&self) -> &str {
        &self.folder
    }

    /// Where a VM's backups are.
    pub fn folder(&self, vm: ResourceId) -> String {
        windows::backups_of(&self.folder, vm)
    }

    pub fn backup(&self, vm: ResourceId, backup: ResourceId) -> String {
        windows::backup(&self.folder, vm, backup)
    }

    /// Where it is made.
    pub fn part(&self, vm: ResourceId, backup: ResourceId) -> String {
        windows::part(&self.backup(vm, backup))
    }

    /// None when it is not there.
    pub async fn manifest(
        &self,
        cx: &impl Runner,
        vm: ResourceId,
        backup: ResourceId,
    ) -> Result<Option<Export>, Fault> {
        let path = manifest_in(&self.backup(vm, backup));
        let Some(bytes) = cx.run(file::content(&path)).await? else { return Ok(None) };
        let unreadable = |reason: String| {
            Fault::new(&errors::backups::MANIFEST_UNREADABLE).hole("path", &path).hole("reason", reason)
        };
        let manifest: Export = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        if manifest.format > EXPORT_FORMAT {
            return Err(unreadable(format!(
                "its format is {}, and this drover knows {EXPORT_FORMAT}",
                manifest.format
            )));
        }
        Ok(Some(manifest))
    }

    /// It must be there.
    pub async fn present(&self, cx: &impl Runner, vm: ResourceId, backup: ResourceId) -> Result<Export, Fault> {
        let absent =
            || Fault::new(&errors::backups::BACKUP_ABSENT).hole("backup", backup).hole("repository", self.folder(vm));
        self.manifest(cx, vm, backup).await?.ok_or_else(absent)
    }
}

/// Of a backup's folder.
pub fn manifest_in(folder: &str) -> String {
    format!(r"{folder}\{MANIFEST}")
}
