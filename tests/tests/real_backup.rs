//! Backups of real guests that go on meanwhile: a chain is what the disks were at each moment, and a backup that did not end
//! leaves nothing.

use crate::machine::{LIMIT, tell, virsh};
use crate::planted::ended;
use crate::real_kvm::{Ground, ground};
use iaas::tenant::{Accepted, AskErrand};
use model::backup::{BackupSpec, Repository};
use model::resource::Resource;
use model::server::BackupSettings;
use model::task::{Task, TaskStatus};
use model::vm::{Disk, VmSpec};
use model::{ResourceId, State, TaskId, names};
use std::time::Duration;
use tempfile::TempDir;
use testkit::eventually;
use testkit::real::{self, run};

/// A VM with two disks, its backups, and copies of what its disks held at the time of each.
struct Chain {
    ground: Ground,
    vm: ResourceId,
    repository: String,
    into: Repository,
    seen: TempDir,
}

impl Chain {
    async fn new(segment: &str, bandwidth_mb: u32, full_every: u32) -> Self {
        Self::with(segment, BackupSettings { bandwidth_mb, full_every, ..BackupSettings::default() }).await
    }

    async fn with(segment: &str, settings: BackupSettings) -> Self {
        let ground = ground(|kvm| kvm.settings.backup = settings, Default::default()).await;
        let wish = ground.wish(segment, "10.77.0.5/24");
        let disk = |name: &str, primary| Disk { name: name.into(), gb: 1, primary, pool: None };
        let wish = VmSpec { disks: vec![disk("root", true), disk("data", false)], ..wish };
        let vm = ground.build("origin", wish).await;
        ground.says(vm, "drover-guest ready", 1).await;
        let repository = names::backups(&ground.machine.storage());
        Self { ground, vm, repository, into: Repository::Primary, seen: TempDir::new().expect("a folder") }
    }

    /// The guest writes so many megabytes of a word.
    async fn writes(&self, disk: &str, at: u32, count: u32, word: &str) {
        let _console = tell(self.vm, &format!("write {disk} {at} {count} {word}"));
        self.ground.says(self.vm, &format!("drover-guest wrote={word}"), 1).await;
    }

    async fn asks(&self, name: &str) -> Accepted<BackupSpec> {
        let spec = BackupSpec { vm: self.vm, repository: self.into, valid_hours: 24 };
        self.ground.fleet.create(name, spec).await
    }

    /// Keeps what the disks hold now, backs them up, and gives the backup.
    async fn back_up(&self, name: &str) -> Resource<BackupSpec> {
        for disk in ["root", "data"] {
            let source = names::disk(&self.ground.machine.storage(), self.vm, disk);
            run("qemu-img", &["convert", "-U", "-O", "raw", &source, &self.copy(name, disk)]);
        }
        let asked = self.asks(name).await;
        self.ground.succeeds(asked.task_id).await;
        self.ground.fleet.client.read(asked.resource.id).await.expect("the backup")
    }

    fn copy(&self, name: &str, disk: &str) -> String {
        self.seen.path().join(format!("{name}-{disk}.raw")).display().to_string()
    }

    fn folder(&self, backup: ResourceId) -> String {
        names::backup(&self.repository, self.vm, backup)
    }

    /// Byte for byte.
    fn is_as_then(&self, name: &str, backup: ResourceId) {
        for disk in ["root", "data"] {
            let file = format!("{}/{disk}.qcow2", self.folder(backup));
            run("qemu-img", &["compare", "-f", "raw", "-F", "qcow2", &self.copy(name, disk), &file]);
        }
    }

    /// A new VM made from it has the same bytes, and runs.
    async fn is_restored(&self, name: &str, backup: ResourceId) {
        let origin: Resource<VmSpec> = self.ground.fleet.client.read(self.vm).await.expect("the VM");
        let mut wish = VmSpec { backup: Some(backup), ..origin.spec };
        wish.nics.clear();
        let vm = self.ground.build(&format!("from-{name}"), wish).await;
        self.ground.says(vm, &format!("drover-guest hostname=from-{name}"), 1).await;
        for disk in ["root", "data"] {
            let restored = names::disk(&self.ground.machine.storage(), vm, disk);
            let now = self.copy("restored", disk);
            run("qemu-img", &["convert", "-U", "-O", "raw", &restored, &now]);
            run("cmp", &[&self.copy(name, disk), &now]);
        }
        self.ground.scrub(vm).await;
    }

    /// The chain is whole; with a byte flipped in its third link, a file of the second gone or the first not there, that is
    /// what is told.
    async fn is_verified(&self, chain: &[ResourceId]) {
        let backup = *chain.last().expect("a backup");
        let look = async || {
            let errand = ended(&self.ground.fleet, [AskErrand::Verify { backup, repository: None }]).await.remove(0);
            errand.verified.unwrap_or_else(|| panic!("{:#?}", errand.error))
        };
        let verified = look().await;
        assert!(verified.is_whole() && verified.files() == 3 * chain.len(), "{verified:#?}");
        assert_eq!(verified.restorable, chain);
        let found = async || {
            let verified = look().await;
            let files: Vec<_> = verified.damaged().map(|(id, file)| (id, file.name.clone())).collect();
            (files, verified.restorable)
        };
        let file = |at: usize, name: &str| (chain[at], name.to_owned());

        let path = format!("{}/data.qcow2", self.folder(chain[2]));
        let before = std::fs::read(&path).expect("the file");
        let mut flipped = before.clone();
        flipped[before.len() / 2] ^= 1;
        std::fs::write(&path, &flipped).expect("the file is written");
        assert_eq!(found().await, (vec![file(2, "data.qcow2")], chain[..2].to_vec()));
        std::fs::write(&path, &before).expect("the file is written");

        let (path, aside) = (format!("{}/root.qcow2", self.folder(chain[1])), self.seen.path().join("aside"));
        std::fs::copy(&path, &aside).expect("a copy");
        std::fs::remove_file(&path).expect("it is removed");
        // What stands on it cannot be opened, and is not to blame.
        assert_eq!(found().await, (vec![file(1, "root.qcow2")], chain[..1].to_vec()));
        std::fs::copy(&aside, &path).expect("it is put back");

        let (path, aside) = (self.folder(chain[0]), format!("{}.aside", self.folder(chain[0])));
        std::fs::rename(&path, &aside).expect("it is moved");
        assert_eq!(found().await, (vec![file(0, "manifest.json")], Vec::new()));
        std::fs::rename(&aside, &path).expect("it is put back");
        assert!(look().await.is_whole());
    }

    /// Neither a job, nor a checkpoint or a file of it.
    fn has_nothing_of(&self, backup: ResourceId) {
        let domain = names::domain(self.vm);
        assert!(virsh(&["domjobinfo", &domain, "--rawstats"]).starts_with("Job type: 0"), "a job runs");
        assert!(!virsh(&["checkpoint-list", &domain, "--name"]).contains(&names::checkpoint(backup)), "a checkpoint");
        let disk = names::disk(&self.ground.machine.storage(), self.vm, "root");
        let bitmaps = run("qemu-img", &["info", "-U", &disk]);
        assert!(!bitmaps.contains(&names::checkpoint(backup)), "a bitmap: {bitmaps}");
        let left = std::fs::read_dir(names::backups_of(&self.repository, self.vm)).map(Iterator::count).unwrap_or(0);
        assert_eq!(left, 0, "files of it");
    }

    async fn scrub(&self, backup: ResourceId) {
        let asked: Accepted<BackupSpec> = self.ground.fleet.ask(backup, State::Scrub).await;
        self.ground.succeeds(asked.task_id).await;
    }

    async fn end(self) {
        self.ground.scrub(self.vm).await;
        self.ground.end().await;
    }
}

fn fact(backup: &Resource<BackupSpec>, name: &str) -> String {
    backup
        .facts
        .get(name)
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .unwrap_or_default()
}

#[tokio::test]
async fn real_backup_a_chain_of_three_increments_is_what_the_disks_were_each_time() {
    let chain = Chain::new("t1", 0, 4).await;
    chain.writes("root", 0, 20, "first").await;
    chain.writes("data", 100, 10, "apples").await;
    let full = chain.back_up("full").await;
    assert_eq!((fact(&full, "kind").as_str(), fact(&full, "chain").as_str()), ("full", "[]"), "{:#?}", full.facts);

    let mut backups = vec![("full", full.id)];
    for (name, word) in [("one", "pears"), ("two", "plums"), ("three", "grapes")] {
        let at = 5 * backups.len() as u32;
        chain.writes("root", at, 3, word).await;
        chain.writes("data", 100 + at, 2, &format!("{word}-too")).await;
        let next = chain.back_up(name).await;
        assert_eq!(fact(&next, "kind"), "incremental", "{name}: {:#?}", next.facts);
        assert_eq!(fact(&next, "parent"), backups[backups.len() - 1].1.to_string());
        backups.push((name, next.id));
    }
    for (name, id) in &backups {
        chain.is_as_then(name, *id);
    }
    chain.is_restored("two", backups[2].1).await;
    chain.is_restored("three", backups[3].1).await;

    let small = std::fs::metadata(format!("{}/root.qcow2", chain.folder(backups[3].1))).expect("a file").len();
    assert!(small < 1 << 20, "an increment of 3 MiB takes {small} bytes");

    let ids: Vec<ResourceId> = backups.iter().map(|(_, id)| *id).collect();
    chain.is_verified(&ids).await;
    let next = chain.back_up("after").await;
    assert!(fact(&next, "why_full").contains("at most 4"), "{:#?}", next.facts);

    // What others stand on is kept until they go.
    for (name, id) in &backups {
        chain.scrub(*id).await;
        let kept = std::fs::exists(chain.folder(backups[0].1)).expect("the folder");
        assert_eq!(kept, *name != "three", "after the scrub of {name}");
    }
    chain.is_as_then("after", next.id);
    chain.scrub(next.id).await;
    chain.has_nothing_of(next.id);
    chain.end().await;
}

#[tokio::test]
async fn real_backup_after_what_broke_the_record_of_changes_it_is_a_full_one_that_says_why() {
    let chain = Chain::new("t2", 0, 9).await;
    let domain = names::domain(chain.vm);
    chain.writes("data", 3, 2, "apples").await;
    chain.back_up("full").await;

    // A guest that ends by itself takes its record along.
    chain.ground.ask(chain.vm, State::Quiesce).await;
    chain.ground.ask(chain.vm, State::Restart).await;
    chain.ground.says(chain.vm, "drover-guest ready", 2).await;
    chain.writes("data", 50, 2, "pears").await;
    let next = chain.back_up("next").await;
    assert_eq!(fact(&next, "kind"), "incremental", "{:#?}", next.facts);
    chain.is_as_then("next", next.id);

    let pid = run("pgrep", &["-f", &format!("guest={domain},.*{}", chain.ground.machine.storage())]);
    run("kill", &["-KILL", pid.trim()]);
    eventually(LIMIT, "libvirt sees it", async || {
        let state = virsh(&["domstate", &domain]);
        if state.trim() == "shut off" { Ok(()) } else { Err(state) }
    })
    .await;
    virsh(&["start", &domain]);
    chain.ground.says(chain.vm, "drover-guest ready", 3).await;
    chain.writes("root", 7, 2, "plums").await;
    let broken = chain.back_up("broken").await;
    assert!(fact(&broken, "why_full").contains("bitmap"), "{:#?}", broken.facts);
    chain.is_as_then("broken", broken.id);

    chain.ground.ask(chain.vm, State::Quiesce).await;
    let off = chain.back_up("off").await;
    assert!(fact(&off, "why_full").contains("off"), "{:#?}", off.facts);
    chain.is_as_then("off", off.id);
    chain.scrub(off.id).await;
    chain.ground.scrub(chain.vm).await;
    // The others are without their VM.
    for id in [broken.id, next.id] {
        chain.scrub(id).await;
    }
    let left = std::fs::read_dir(names::backups_of(&chain.repository, chain.vm)).expect("the folder").count();
    assert_eq!(left, 1, "the first one");
    std::fs::remove_dir_all(&chain.repository).expect("the folder");
    chain.ground.end().await;
}

/// The job runs, slowly.
async fn is_copying(chain: &Chain, task: TaskId) -> Task {
    eventually(LIMIT, "the job runs", async || {
        let task = chain.ground.fleet.client.task(task, Duration::ZERO).await.map_err(|failure| failure.to_string())?;
        assert!(!task.status.has_ended(), "it ended before it could be caught: {task:#?}");
        match task.steps.last().and_then(|step| step.note.clone()) {
            Some(note) if note.contains(" % of ") => Ok(task),
            other => Err(format!("{other:?}")),
        }
    })
    .await
}

#[tokio::test]
async fn real_backup_one_that_is_cancelled_leaves_no_job_no_checkpoint_and_no_file() {
    let chain = Chain::new("t3", 1, 9).await;
    chain.writes("data", 0, 150, "apples").await;
    let asked = chain.asks("cancelled").await;
    is_copying(&chain, asked.task_id).await;
    chain.ground.fleet.client.task_cancel(asked.task_id).await.expect("the cancel is accepted");
    let ended = chain.ground.fleet.ended(asked.task_id).await;
    assert_eq!(ended.status, TaskStatus::Cancelled, "{ended:#?}");
    chain.has_nothing_of(asked.resource.id);
    chain.scrub(asked.resource.id).await;
    chain.end().await;
}

#[tokio::test]
async fn real_backup_a_chain_on_another_machine_is_sent_there_and_comes_back_in_a_restore() {
    let (sshd, there) = (real::sshd(), TempDir::new().expect("a folder"));
    let config = there.path().join("ssh_config");
    std::fs::write(&config, sshd.config()).expect("the file is written");
    let repository = there.path().join("vault").display().to_string();
    std::fs::create_dir(&repository).expect("a folder");
    let settings = BackupSettings {
        secondary: Some(format!("root@vault:{repository}")),
        ssh_config: Some(config.display().to_string()),
        ..BackupSettings::default()
    };
    let mut chain = Chain::with("t4", settings).await;
    (chain.repository, chain.into) = (repository, Repository::Secondary);
    chain.writes("data", 100, 10, "apples").await;
    let full = chain.back_up("full").await;
    chain.writes("data", 105, 10, "pears").await;
    let next = chain.back_up("next").await;
    assert_eq!(fact(&next, "kind"), "incremental", "{:#?}", next.facts);
    chain.is_as_then("full", full.id);
    chain.is_as_then("next", next.id);
    let outgoing = names::outgoing_backups(&chain.ground.machine.storage());
    assert_eq!(std::fs::read_dir(outgoing).expect("the folder").count(), 0, "left on the way");
    chain.is_restored("next", next.id).await;
    chain.scrub(full.id).await;
    chain.scrub(next.id).await;
    chain.has_nothing_of(next.id);
    chain.end().await;
}
