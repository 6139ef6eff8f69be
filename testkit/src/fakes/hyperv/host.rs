//! The host in this process: what a test puts there, orders and sees. Drivers reach it as they would reach a real one, by the
//! transport's own sessions and lines; only the connection is within this process.

use super::agent::{self, End, NO_MODULE};
use super::faults::{Fault, Process};
use super::files::digest;
use super::state::{Guests, Pace, Power, Switch, Volume};
use super::world::{self, World};
use super::{left, paths};
use cmdlets::Request;
use futures::future::BoxFuture;
use hosts::powershell::{Dial, Ending, Pipes, PowerShell};
use hosts::{Fences, Host, HostError, Invocation, Output};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::BufReader;

pub struct Hyperv {
    near: Arc<Near>,
    far: PowerShell,
}

/// Connections that lead into this process.
struct Near {
    name: String,
    folder: TempDir,
    unreachable: Mutex<Option<String>>,
}

impl Hyperv {
    /// A host with a volume `D:` of 1 TB, an external switch `trunk`, and an empty `D:\drover`.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let folder = TempDir::new().expect("a folder");
        let near = Arc::new(Near { name: name.clone(), folder, unreachable: Mutex::default() });
        let host = Self { far: PowerShell::over(&name, near.clone()), near };
        host.change(|world| {
            world.state.name = name;
            world.state.volumes.push(Volume { letter: 'D', size: 1 << 40 });
            world.state.roots.push(Self::STORAGE.into());
        });
        host.make_folder(Self::STORAGE);
        host.add_switch("trunk");
        host
    }

    /// The folder below which drivers may make and remove anything.
    pub const STORAGE: &str = r"D:\drover";

    /// Where all of it is kept.
    pub fn folder(&self) -> &Path {
        self.near.folder.path()
    }

    fn world(&self) -> World {
        World::open(self.near.folder.path(), 0)
    }

    fn change<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world();
        let result = work(&mut world);
        world.save();
        result
    }

    // --- what the test puts there -----------------------------------------------------------------------------------

    /// A file that was there before: it is nobody's leftover, and may only be read.
    pub fn add_file(&self, path: &str, bytes: &[u8]) {
        self.change(|world| {
            let real = paths::real(&world.root, path);
            std::fs::create_dir_all(real.parent().expect("a folder")).expect("it is made");
            std::fs::write(real, bytes).expect("it is written");
            world.state.given.push(path.to_owned());
        });
    }

    /// Somebody or something else changes a file.
    pub fn overwrite(&self, path: &str, bytes: &[u8]) {
        self.change(|world| std::fs::write(paths::real(&world.root, path), bytes).expect("it is written"));
    }

    pub fn make_folder(&self, path: &str) {
        self.change(|world| std::fs::create_dir_all(paths::real(&world.root, path)).expect("it is made"));
    }

    /// Another folder below which drivers may make and remove anything.
    pub fn add_root(&self, path: &str) {
        self.make_folder(path);
        self.change(|world| world.state.roots.push(path.to_owned()));
    }

    pub fn add_switch(&self, name: &str) {
        self.change(|world| {
            let id = world.state.guid();
            world.state.switches.push(Switch { id, name: name.to_owned(), kind: "External".into() });
        });
    }

    /// The host itself has a disk open.
    pub fn mount(&self, path: &str) {
        self.change(|world| world.state.mounted.push(path.to_owned()));
    }

    /// What else a volume can take is this.
    pub fn leave_room(&self, letter: char, bytes: u64) {
        self.change(|world| {
            let taken = (1 << 40) - world.free(&format!("{letter}:\\"));
            world
                .state
                .volumes
                .iter_mut()
                .filter(|volume| volume.letter == letter)
                .for_each(|v| v.size = taken + bytes);
        });
    }

    /// A VM of this name that somebody else made, with this note.
    pub fn add_vm(&self, name: &str, notes: &str) {
        self.change(|world| {
            let args = serde_json::json!({ "Name": name, "Path": r"D:\others", "Generation": 2, "NoVHD": true });
            world.state.roots.push(r"D:\others".into());
            let made = super::table::call(world, "New-VM", args.as_object().expect("an object"), None);
            let made = made.unwrap_or_else(|wrong| panic!("{wrong:?}"));
            world.state.roots.pop();
            let Some(super::object::Object::Vm(id)) = made.first() else { panic!("a VM is made") };
            world.vm(id).notes = notes.to_owned();
        });
    }

    /// A secret that may be in no command line and in no answer.
    pub fn watch(&self, canary: &str) {
        self.world().watch(canary);
    }

    // --- what goes wrong --------------------------------------------------------------------------------------------

    pub fn order(&self, fault: Fault) {
        self.change(|world| world.state.faults.push(fault));
    }

    /// Forgets what was ordered and has not happened.
    pub fn forgive(&self) {
        self.change(|world| world.state.faults.clear());
    }

    /// Whether all that was ordered has happened.
    pub fn all_happened(&self) -> bool {
        self.world().state.faults.is_empty()
    }

    /// Nothing reaches the host while there is a reason.
    pub fn unreachable(&self, reason: Option<&str>) {
        *self.near.unreachable.lock().unwrap_or_else(PoisonError::into_inner) = reason.map(str::to_owned);
    }

    /// The role Hyper-V is installed, or not.
    pub fn lack_module(&self, lacks: bool) {
        self.change(|world| world.state.lacks_module = lacks);
    }

    pub fn pace(&self, pace: Pace) {
        self.change(|world| world.state.pace = pace);
    }

    pub fn guests(&self, guests: Guests) {
        self.change(|world| world.state.guests = guests);
    }

    /// The host goes down and comes up again.
    pub fn reboot(&self) {
        self.change(World::reboot);
    }

    /// Time goes by.
    pub fn pass(&self, time: Duration) {
        self.change(|world| world.pass(time.as_millis() as u64));
    }

    /// A guest ends by itself, or is brought to another state by its owner.
    pub fn power(&self, vm: &str, power: Power) {
        self.change(|world| {
            let id = world.state.named(vm).unwrap_or_else(|| panic!("{vm} is there")).id.clone();
            let known = world.vm(&id);
            (known.power, known.is_up) = (power, known.is_up && power != Power::Off);
        });
    }

    /// The guest writes something onto its first disk.
    pub fn write(&self, vm: &str, block: &str, content: &str) {
        self.change(|world| {
            let path = world.state.named(vm).and_then(|vm| vm.hardware.drives.first()?.path.clone());
            let path = path.unwrap_or_else(|| panic!("{vm} has a disk"));
            let mut disk = world.disk("guest", &path).unwrap_or_else(|wrong| panic!("{wrong:?}"));
            disk.blocks.insert(block.to_owned(), content.to_owned());
            world.keep(&path, &disk);
        });
    }

    // --- what the test sees -----------------------------------------------------------------------------------------

    /// What the guest reads from its first disk, through all that it stands on.
    pub fn read(&self, vm: &str, block: &str) -> Option<String> {
        let world = self.world();
        let path = world.state.named(vm)?.hardware.drives.first()?.path.clone()?;
        let chain = world.chain(&path);
        chain.iter().find_map(|path| world.disk("guest", path).ok()?.blocks.get(block).cloned())
    }

    /// Whether the VM is there, and then its state.
    pub fn state(&self, vm: &str) -> Option<Power> {
        self.world().state.named(vm).map(|vm| vm.power)
    }

    /// A file's content.
    pub fn file(&self, path: &str) -> Option<Vec<u8>> {
        std::fs::read(paths::real(&self.world().root, path)).ok()
    }

    /// The digest of the disc that the guest read at its first boot.
    pub fn told(&self, vm: &str) -> Option<String> {
        self.world().state.named(vm)?.told.as_ref().map(|told| told.digest.clone())
    }

    /// Every request that acted, in words and in order.
    pub fn transcript(&self) -> Vec<String> {
        let requests = self.requests().into_iter().filter_map(|line| serde_json::from_str::<Request>(&line).ok());
        requests.filter(|request| !request.looks()).map(|request| request.words().join(" ")).collect()
    }

    /// Every request as it came, one line of JSON each.
    pub fn requests(&self) -> Vec<String> {
        world::lines(self.folder(), "requests")
    }

    /// How many requests there were.
    pub fn asked(&self) -> u64 {
        self.world().state.asked
    }

    /// What was refused, as not documented or not simulated: a test in which there is any fails.
    pub fn refused(&self) -> Vec<String> {
        world::lines(self.folder(), "refused")
    }

    #[track_caller]
    pub fn nothing_was_refused(&self) {
        let refused = self.refused();
        assert!(refused.is_empty(), "the simulated host refused: {refused:#?}");
    }

    /// What drivers left, in words for comparing two runs: VMs under their names, files under their paths with slashes.
    #[track_caller]
    pub fn words(&self) -> BTreeMap<String, String> {
        self.nothing_was_refused();
        left::words(&self.world())
    }
}

impl Dial for Near {
    fn dial(&self) -> BoxFuture<'_, Result<Pipes, HostError>> {
        Box::pin(async move {
            if let Some(reason) = &*self.unreachable.lock().unwrap_or_else(PoisonError::into_inner) {
                return Err(HostError::Unreachable { host: self.name.clone(), reason: reason.clone() });
            }
            let (near, far) = tokio::io::duplex(1 << 16);
            let folder = self.folder.path().to_owned();
            let served = tokio::spawn(async move {
                let (from, to) = tokio::io::split(far);
                agent::serve(&folder, BufReader::new(from), to, tokio::io::sink()).await
            });
            let ending = Box::pin(async move {
                match served.await {
                    Ok(Ok(End::Asked)) => Ending { status: Some(0), said: String::new() },
                    Ok(Ok(End::NoModule)) => Ending { status: Some(1), said: NO_MODULE.into() },
                    Ok(Ok(End::Unknown)) => Ending { status: Some(1), said: "what came is not known".into() },
                    Ok(Ok(End::Cut(Process::Dies | Process::Survives)) | Err(_)) => {
                        Ending { status: None, said: "the connection was cut".into() }
                    }
                    // It went with the worker that had called it.
                    Err(error) if error.is_cancelled() => Ending { status: None, said: "the agent is gone".into() },
                    Err(_) => Ending { status: Some(1), said: "the agent panicked".into() },
                }
            });
            let (from, to) = tokio::io::split(near);
            Ok(Pipes { to: Box::new(to), from: Box::new(from), ending })
        })
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    digest(bytes)
}

impl Host for Hyperv {
    fn name(&self) -> &str {
        self.far.name()
    }

    fn session(&self) -> Option<Arc<dyn Host>> {
        self.far.session()
    }

    fn run_under<'a>(
        &'a self,
        fences: &'a Fences,
        command: &'a Invocation,
    ) -> BoxFuture<'a, Result<Output, HostError>> {
        self.far.run_under(fences, command)
    }

    fn put_under<'a>(
        &'a self,
        fences: &'a Fences,
        path: &'a str,
        bytes: &'a [u8],
        mode: u32,
    ) -> BoxFuture<'a, Result<(), HostError>> {
        self.far.put_under(fences, path, bytes, mode)
    }

    fn get<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, HostError>> {
        self.far.get(path)
    }

    fn remove_under<'a>(&'a self, fences: &'a Fences, path: &'a str) -> BoxFuture<'a, Result<(), HostError>> {
        self.far.remove_under(fences, path)
    }

    fn prune<'a>(&'a self, folder: &'a str, untouched: Duration) -> BoxFuture<'a, Result<(), HostError>> {
        self.far.prune(folder, untouched)
    }
}
