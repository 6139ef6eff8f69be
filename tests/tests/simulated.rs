//! What the chapters on a simulated Hyper-V host share: a VM that runs there, and somebody who works on the host by hand.

use crate::rig::{hyperv_image, hyperv_vm};
use hosts::{Command, Fences, Host};
use iaas::tenant::Accepted;
use model::backup::{BackupSpec, Repository};
use model::resource::{Resource, Spec};
use model::snapshot::SnapshotSpec;
use model::task::Task;
use model::vm::VmSpec;
use model::{ResourceId, ServerType, State, TaskId, windows};
use std::sync::Arc;
use std::time::Duration;
use testkit::fakes::hyperv::Hyperv;
use testkit::fleet::server;
use testkit::{Fleet, LIMIT, eventually};

/// The simulated host writes all that it knows to a disk with each request: that is slow on a busy machine.
const LEASE_SECS: u32 = 4;

pub struct Ground {
    pub host: Arc<Hyperv>,
    pub fleet: Fleet,
    pub vm: ResourceId,
}

impl Ground {
    /// A VM that runs, and a worker.
    pub async fn new() -> Self {
        let mut ground = Self::idle().await;
        ground.fleet.work();
        ground
    }

    /// The same without a worker.
    pub async fn idle() -> Self {
        let host = Arc::new(Hyperv::new("host-1"));
        let image = hyperv_image(&host);
        let fleet = Fleet::setup()
            .lease_secs(LEASE_SECS)
            .host(server("host-1", ServerType::Hyperv), Some(host.clone()))
            .image(image)
            .start()
            .await;
        let built: Accepted<VmSpec> = fleet.create("origin", hyperv_vm(&fleet)).await;
        let worker = fleet.worker("builder", None);
        fleet.reaches::<VmSpec>(built.resource.id, State::Running).await;
        worker.terminate().await;
        Self { host, fleet, vm: built.resource.id }
    }

    /// The VM in Hyper-V.
    pub fn name(&self) -> String {
        windows::vm(self.vm)
    }

    pub fn repository(&self) -> String {
        windows::backups(Hyperv::STORAGE)
    }

    pub fn path(&self, backup: ResourceId) -> String {
        windows::backup(&self.repository(), self.vm, backup)
    }

    /// Somebody who is not drover asks the host.
    pub async fn by_hand<T>(&self, command: Command<T>) -> T {
        let session = self.host.session().expect("a PowerShell");
        let output = session.run_under(&Fences::new(Hyperv::STORAGE), &command.invocation).await;
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", command.invocation.line()));
        (command.read)(&output).unwrap_or_else(|why| panic!("{}: {why}", command.invocation.line()))
    }

    pub async fn seen(&self) -> commands::hyperv::vm::Vm {
        self.by_hand(commands::hyperv::vm::named(&self.name())).await.pop().expect("the VM is there")
    }

    pub fn snapshot(&self, remove_subtree: bool) -> SnapshotSpec {
        SnapshotSpec { vm: self.vm, parent: None, remove_subtree }
    }

    pub async fn take(&self) -> Resource<SnapshotSpec> {
        let asked = self.fleet.create("snapshot", self.snapshot(false)).await;
        self.fleet.reaches::<SnapshotSpec>(asked.resource.id, State::Running).await
    }

    pub async fn ask_backup(&self) -> Accepted<BackupSpec> {
        let spec = BackupSpec { vm: self.vm, repository: Repository::Primary, valid_hours: 24 };
        self.fleet.create("backup", spec).await
    }

    pub async fn back_up(&self) -> Resource<BackupSpec> {
        let asked = self.ask_backup().await;
        self.fleet.reaches::<BackupSpec>(asked.resource.id, State::Running).await
    }

    pub async fn scrub<S: Spec>(&self, id: ResourceId) -> Resource<S> {
        self.fleet.ask::<S>(id, State::Scrub).await;
        self.fleet.reaches::<S>(id, State::Closed).await
    }

    pub async fn note(&self, task: TaskId, part: &str) -> Task {
        eventually(LIMIT, &format!("a step notes {part:?}"), async || {
            let task = self.fleet.client.task(task, Duration::ZERO).await.map_err(|failure| failure.to_string())?;
            let noted = task.steps.iter().any(|step| step.note.as_ref().is_some_and(|note| note.contains(part)));
            if noted { Ok(task) } else { Err(format!("{task:?}")) }
        })
        .await
    }

    /// Everything that drover has made on the host whose word holds this.
    pub fn left(&self, part: &str) -> Vec<String> {
        self.host.words().into_keys().filter(|key| key.contains(part)).collect()
    }

    pub async fn stop(self) {
        self.host.nothing_was_refused();
        self.fleet.stop().await;
    }
}
