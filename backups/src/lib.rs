//! Repositories of backups: a folder a VM, a folder a backup, its manifest written last. What the driver of backups and
//! the restore of a VM share.
//!
//! Invariant: a folder with a plain number for a name is whole; what is being made has `.part` behind it.

pub mod exports;

mod marker;
mod verify;

pub use marker::Known;
pub use verify::{verify, whole};

use commands::files;
use commands::ssh::{self, Machine};
use errors::Fault;
use hosts::{Command, Runner};
use model::backup::{Backup, FORMAT, Manifest, Repository as Which};
use model::server::backup::Place;
use model::{ResourceId, names};
use serde_json::Value;

const MANIFEST: &str = "manifest.json";

/// The fact of a backup that names its repository's id.
pub const REPOSITORY_ID: &str = "repository_id";

/// Beside the manifest of a backup that was scrubbed and is kept for those that stand on it.
const SCRUBBED: &str = "scrubbed";

/// One repository, as its host sees it.
#[derive(Clone, Debug)]
pub struct Repository {
    folder: String,
    /// The machine that it is on, when that is not the host itself.
    machine: Option<Machine>,
    storage: String,
    place: String,
    /// Of its markers.
    ids: Vec<String>,
}

/// A backup in it.
#[derive(Clone, Debug)]
pub struct Found {
    pub backup: ResourceId,
    /// Or why it is not known: one that is damaged stands in nobody's way.
    pub manifest: Result<Manifest, String>,
    /// Kept only for those that stand on it.
    pub is_scrubbed: bool,
}

impl Repository {
    /// The one that the server's settings name, which must be there: one that is not mounted is not made anew, and another
    /// one in its place is not taken for it.
    pub async fn open(cx: &impl Runner, which: Which) -> Result<Self, Fault> {
        let mut repository = Self::of(cx, which)?;
        if !repository.is_marked() {
            return Ok(repository);
        }
        let root = repository.folder.clone();
        if !cx.run(repository.on(files::exists(&root))).await? {
            return Err(Fault::new(&errors::backups::REPOSITORY_ABSENT).hole("folder", root).hole("host", cx.host()));
        }
        repository.ids = marker::ids(&cx.run(repository.on(files::list(&root))).await?);
        let known = Known::read(cx, which, &repository.place).await?;
        repository.must_be(cx, known.as_ref().map(|known| known.id.as_str()))?;
        Ok(repository)
    }

    /// The one that has this backup.
    pub async fn of_backup(cx: &impl Runner, backup: &Backup) -> Result<Self, Fault> {
        let repository = Self::open(cx, backup.spec.repository).await?;
        repository.must_be(cx, backup.facts.get(REPOSITORY_ID).and_then(Value::as_str))?;
        Ok(repository)
    }

    fn must_be(&self, cx: &impl Runner, wanted: Option<&str>) -> Result<(), Fault> {
        let Some(wanted) = wanted.filter(|wanted| !self.ids.iter().any(|id| id == wanted)) else { return Ok(()) };
        let found = match self.ids.first() {
            None => "it is not marked as a repository".to_owned(),
            Some(id) => format!("it is marked as {id}"),
        };
        let fault = Fault::new(&errors::backups::REPOSITORY_OTHER).hole("folder", &self.folder).hole("host", cx.host());
        Err(fault.hole("wanted", wanted).hole("found", found))
    }

    /// Whether its folder says which one it is: not that below the host's own storage.
    pub fn is_marked(&self) -> bool {
        self.place != names::backups(&self.storage)
    }

    /// The id that its folder gives it; none before its first backup.
    pub fn id(&self) -> Option<&str> {
        self.ids.first().map(String::as_str)
    }

    /// As the settings name it.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Its marker with this id.
    pub fn marker(&self, id: &str) -> String {
        names::repository_marker(&self.folder, id)
    }

    fn of(cx: &impl Runner, which: Which) -> Result<Self, Fault> {
        let (settings, storage) = (&cx.settings().backup, &cx.settings().storage);
        let named = match which {
            Which::Primary => settings.primary.clone().or_else(|| Some(names::backups(storage))),
            Which::Secondary => settings.secondary.clone(),
        };
        // The API has checked the text.
        let place = named.and_then(|text| Place::read(&text).ok().map(|place| (text, place))).ok_or_else(|| {
            Fault::new(&errors::backups::NO_REPOSITORY).hole("host", cx.host()).hole("repository", which.word())
        });
        let (text, place) = place?;
        let (folder, machine) = match place {
            Place::Folder(folder) => (folder, None),
            Place::Ssh { address, folder } => (folder, Some(Machine { address, config: settings.ssh_config.clone() })),
        };
        Ok(Self { folder, machine, storage: storage.clone(), place: text, ids: Vec::new() })
    }

    /// The machine that it is on, when that is not the host itself.
    pub fn machine(&self) -> Option<&Machine> {
        self.machine.as_ref()
    }

    /// A folder of the host where backups are made before they are in the repository: there itself when it is one.
    pub fn desk(&self) -> String {
        match &self.machine {
            None => self.folder.clone(),
            Some(_) => names::outgoing_backups(&self.storage),
        }
    }

    /// Where a VM's backups are.
    pub fn folder(&self, vm: ResourceId) -> String {
        names::backups_of(&self.folder, vm)
    }

    pub fn backup(&self, vm: ResourceId, backup: ResourceId) -> String {
        names::backup(&self.folder, vm, backup)
    }

    /// The command on the machine that has the repository.
    pub fn on<T>(&self, command: Command<T>) -> Command<T> {
        match &self.machine {
            None => command,
            Some(machine) => ssh::on(machine, command),
        }
    }

    /// Every name in the VM's folder.
    pub async fn names(&self, cx: &impl Runner, vm: ResourceId) -> Result<Vec<String>, Fault> {
        cx.run(self.on(files::list(&self.folder(vm)))).await
    }

    /// None when it is not there.
    pub async fn manifest(
        &self,
        cx: &impl Runner,
        vm: ResourceId,
        backup: ResourceId,
    ) -> Result<Option<Manifest>, Fault> {
        let path = format!("{}/{MANIFEST}", self.backup(vm, backup));
        let Some(text) = cx.run(self.on(files::read(&path))).await? else { return Ok(None) };
        let unreadable = |reason: String| {
            Fault::new(&errors::backups::MANIFEST_UNREADABLE).hole("path", &path).hole("reason", reason)
        };
        let manifest: Manifest = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        if manifest.format > FORMAT {
            return Err(unreadable(format!("its format is {}, and this drover knows {FORMAT}", manifest.format)));
        }
        Ok(Some(manifest))
    }

    /// It must be there.
    pub async fn present(&self, cx: &impl Runner, vm: ResourceId, backup: ResourceId) -> Result<Manifest, Fault> {
        let absent =
            || Fault::new(&errors::backups::BACKUP_ABSENT).hole("backup", backup).hole("repository", self.folder(vm));
        self.manifest(cx, vm, backup).await?.ok_or_else(absent)
    }

    /// Whole backups, the newest first.
    pub async fn ids(&self, cx: &impl Runner, vm: ResourceId) -> Result<Vec<ResourceId>, Fault> {
        let names = self.names(cx, vm).await?;
        let mut ids: Vec<ResourceId> = names.iter().filter_map(|name| name.parse().ok().map(ResourceId)).collect();
        ids.sort_by_key(|id| std::cmp::Reverse(id.0));
        Ok(ids)
    }

    pub async fn found(&self, cx: &impl Runner, vm: ResourceId, backup: ResourceId) -> Result<Found, Fault> {
        let manifest = match self.manifest(cx, vm, backup).await {
            Ok(Some(manifest)) => Ok(manifest),
            Ok(None) => Err(format!("backup {backup} has no manifest")),
            Err(fault) if std::ptr::eq(fault.entry, &errors::backups::MANIFEST_UNREADABLE) => {
                Err(format!("the manifest of backup {backup} cannot be read"))
            }
            Err(fault) => return Err(fault),
        };
        let is_scrubbed = cx.run(self.on(files::exists(&self.mark(vm, backup)))).await?;
        Ok(Found { backup, manifest, is_scrubbed })
    }

    /// What says that a backup is kept only for others.
    pub fn mark(&self, vm: ResourceId, backup: ResourceId) -> String {
        format!("{}/{SCRUBBED}", self.backup(vm, backup))
    }
}

/// Of a backup's folder.
pub fn manifest_in(folder: &str) -> String {
    format!("{folder}/{MANIFEST}")
}
