//! The life of a throw-away VM without a guest: made, given disks and an adapter, changed, turned on, its checkpoints taken,
//! restored and removed, grown, exported, removed.

use crate::Wish;
use crate::witness::Witness;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cmdlets::{Request, Step};
use commands::hyperv::{adapter, checkpoint, disk, export, file, job, vhd, vm};
use hosts::{Command, HostError, Invocation};
use model::backup::Consistency;
use model::{Fence, windows};

const NAME: &str = "drover-probe";
const MARK: &str = "drover/probe";
const MAC: &str = "52:54:00:00:00:01";
const VLAN: u16 = 2;
const RAM_MB: u64 = 64;

/// How often is looked at what goes on.
const LOOKS: u32 = 600;

/// Of the probe's own lock: no task has it.
const FENCE: i64 = 2;

struct Life<'a> {
    witness: &'a Witness<'a>,
    wish: &'a Wish,
    folder: String,
}

/// Whatever becomes of it, nothing of it stays.
pub async fn lead(witness: &Witness<'_>, wish: &Wish) -> Result<(), HostError> {
    let folder = format!(r"{}\{NAME}", wish.storage);
    let life = Life { witness, wish, folder };
    // What an earlier probe has left.
    life.end().await?;
    let lived = life.live().await;
    let ended = life.end().await;
    lived.and(ended)
}

impl Life<'_> {
    async fn act<T>(&self, step: &str, command: Command<T>) -> Result<T, HostError> {
        self.witness.under(step, &self.folder, FENCE, command).await
    }

    fn path(&self, name: &str) -> String {
        format!(r"{}\{name}", self.folder)
    }

    async fn live(&self) -> Result<(), HostError> {
        let (root, part) = (self.path("root.vhdx"), self.path("root.part.vhdx"));
        self.act("make a folder", file::make_folder(&self.folder)).await?;
        self.act("put a file", put(&self.path("note.txt"))).await?;
        self.act("read the file", file::content(&self.path("note.txt"))).await?;
        self.act("look for room", file::room(&self.folder)).await?;
        self.act("make a disk", vhd::make(&part, 1)).await?;
        self.act("hash the disk", file::sha256(&part)).await?;
        self.act("give the disk its name", file::rename(&part, &root)).await?;
        self.act("give the disk an identifier", vhd::reset_identifier(&root)).await?;
        let new = vm::New { name: NAME, folder: &self.folder, ram_mb: RAM_MB, disk: &root };
        let made = self.act("make the VM", vm::make(&new)).await?;
        let id = made.ok_or_else(|| self.wrong("New-VM gave no identifier"))?;
        self.act("mark the VM", vm::mark(&id, MARK, &self.folder)).await?;
        self.size(&id).await?;
        self.plug(&id).await?;
        self.fill(&id).await?;
        self.fence(&id).await?;
        self.checkpoints(&id).await?;
        self.power(&id).await?;
        self.export(&id).await
    }

    async fn size(&self, id: &str) -> Result<(), HostError> {
        self.act("set processors", vm::set_processors(id, 2)).await?;
        self.act("set memory", vm::set_memory(id, 2 * RAM_MB)).await?;
        self.act("set secure boot", vm::set_secure_boot(id, "MicrosoftUEFICertificateAuthority")).await?;
        self.act("read the firmware", vm::firmware(id)).await?;
        self.act("set the start action", vm::set_start_action(id, "Nothing")).await?;
        self.act("find the VM by its name", vm::named(NAME)).await.map(drop)
    }

    async fn plug(&self, id: &str) -> Result<(), HostError> {
        for first in self.act("list adapters", adapter::list(id)).await? {
            self.act("remove the first adapter", adapter::remove(id, &first.id)).await?;
        }
        let added = self.act("add an adapter", adapter::add(id, "nic-probe", MAC)).await?;
        let nic = added.ok_or_else(|| self.wrong("Add-VMNetworkAdapter gave no identifier"))?;
        self.act("guard the adapter", adapter::guard(id, &nic)).await?;
        self.act("set a VLAN", adapter::set_vlan(id, &nic, VLAN)).await?;
        self.act("read the VLAN", adapter::vlan(id, &nic)).await?;
        if let Some(switch) = &self.wish.switch {
            self.act("plug the adapter in", adapter::connect(id, &nic, switch)).await?;
            self.act("pull the adapter's plug", adapter::disconnect(id, &nic)).await?;
        }
        self.act("list adapters again", adapter::list(id)).await.map(drop)
    }

    async fn fill(&self, id: &str) -> Result<(), HostError> {
        let data = self.path("data.vhdx");
        self.act("make a second disk", vhd::make(&data, 1)).await?;
        self.act("add the second disk", disk::add(id, &data, 1)).await?;
        self.act("list disks", disk::list(id)).await?;
        self.act("grow the second disk", vhd::resize(&data, 2)).await?;
        self.act("read the second disk", vhd::info(&data)).await?;
        self.act("take the second disk out", disk::remove(id, &data)).await
    }

    /// A fence that is older than one that was seen does nothing.
    async fn fence(&self, id: &str) -> Result<(), HostError> {
        let late = vm::set_memory(id, 4 * RAM_MB);
        match self.witness.under("act with an old fence", &self.folder, FENCE - 1, late).await {
            Err(HostError::Fenced { seen: Fence(FENCE), .. } | HostError::Failed { .. }) => Ok(()),
            Err(error) => Err(error),
            Ok(()) => Err(self.wrong("an old fence was not refused")),
        }
    }

    async fn checkpoints(&self, id: &str) -> Result<(), HostError> {
        self.act("set the kind of checkpoints", vm::set_checkpoint_type(id, "Production")).await?;
        for name in ["one", "two", "three"] {
            self.act("take a checkpoint", checkpoint::take(id, name)).await?;
        }
        let all = self.act("list checkpoints", checkpoint::list(id)).await?;
        let named = |name: &str| {
            let found = all.iter().find(|checkpoint| checkpoint.name == name);
            found.map(|checkpoint| checkpoint.id.clone()).ok_or_else(|| self.wrong("a checkpoint is not listed"))
        };
        let (one, two) = (named("one")?, named("two")?);
        self.act("restore the second checkpoint", checkpoint::restore(id, &two)).await?;
        self.act("find what the VM stands on", vm::named(NAME)).await?;
        self.act("remove the second checkpoint alone", checkpoint::remove(id, &two)).await?;
        self.act("list the checkpoints that are left", checkpoint::list(id)).await?;
        self.act("remove the tree", checkpoint::remove_tree(id, &one)).await?;
        self.until("wait for the merge", async || {
            let drives = self.act("look for the merge", disk::list(id)).await?;
            Ok(drives.iter().all(|drive| !drive.path.to_lowercase().ends_with(".avhdx")))
        })
        .await
    }

    async fn power(&self, id: &str) -> Result<(), HostError> {
        self.act("turn the VM on", vm::start(id)).await?;
        self.act("feel its pulse", vm::pulse(id)).await?;
        if let Some(asked) = self.act("ask a guest that is not there to shut down", vm::shut_down(id)).await? {
            self.act("see how far that is", job::state(asked)).await?;
            self.act("give it up", job::forget(asked)).await?;
        }
        self.act("turn the VM off", vm::turn_off(id)).await?;
        self.until("wait until it is off", async || {
            let found = self.act("look whether it is off", vm::named(NAME)).await?;
            Ok(found.iter().all(|vm| vm.state == vm::State::Off))
        })
        .await
    }

    async fn export(&self, id: &str) -> Result<(), HostError> {
        let folder = self.path("export");
        self.act("make a folder for the export", file::make_folder(&folder)).await?;
        let begun = self.act("begin to export", export::begin(id, &folder, Consistency::Off)).await?;
        let number = begun.ok_or_else(|| self.wrong("Export-VM gave no job"))?;
        self.until("wait for the export", async || {
            let state = self.act("look at the export", job::state(number)).await?;
            Ok(state.is_none_or(|state| state != "Running" && state != "NotStarted"))
        })
        .await?;
        self.act("read what the export says", job::receive(number)).await?;
        self.act("forget the export's job", job::forget(number)).await?;
        self.act("list what was exported", file::tree(&folder)).await.map(drop)
    }

    /// Only what has the probe's mark, and its folder.
    async fn end(&self) -> Result<(), HostError> {
        for found in self.witness.see("look for the VM", vm::named(NAME)).await? {
            // One that has no mark was made a moment ago, in the probe's folder.
            if found.notes != MARK && !windows::is_below(&found.path, &self.folder) {
                return Err(self.wrong("there is a VM of the probe's name that is not the probe's"));
            }
            if found.state != vm::State::Off {
                self.act("turn the VM off", vm::turn_off(&found.id)).await?;
            }
            self.act("remove the VM", vm::remove(&found.id)).await?;
        }
        if self.witness.see("look for the folder", file::find(&self.folder)).await?.is_some() {
            // Under no lock, as the lock's file is in it.
            self.witness.see("remove the folder", file::remove_tree(&self.folder)).await?;
        }
        Ok(())
    }

    async fn until(&self, step: &str, done: impl AsyncFn() -> Result<bool, HostError>) -> Result<(), HostError> {
        for _ in 0..LOOKS {
            if done().await? {
                return Ok(());
            }
            tokio::time::sleep(self.wish.pause).await;
        }
        Err(self.wrong(&format!("{step}: it does not end")))
    }

    fn wrong(&self, reason: &str) -> HostError {
        HostError::Nonsense {
            host: self.witness.name(),
            program: "probe".into(),
            line: "probe".into(),
            reason: reason.to_owned(),
        }
    }
}

fn put(path: &str) -> Command<()> {
    let request = Request { steps: vec![Step::Put { path: path.to_owned() }], ..Request::default() };
    let line = serde_json::to_string(&request).expect("a request has only text keys");
    let content = BASE64_STANDARD.encode("masked");
    Command::plain(Invocation::acts(request.words()).stdin(format!("{line}\n{content}")))
}
