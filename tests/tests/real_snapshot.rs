//! Snapshots of a real guest: what is on its disks is seen to go back, while it runs and while it is off.

use crate::machine::{LIMIT, Machine};
use iaas::tenant::{Accepted, AskState};
use model::backup::{Backup, BackupSpec, Repository};
use model::ceph::{CephSpec, usual_features};
use model::image::Image;
use model::resource::Spec;
use model::snapshot::{Snapshot, SnapshotSpec};
use model::task::Task;
use model::vm::{Disk, VmSpec};
use model::{ResourceId, State, TaskId, names};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::fleet::Setup;
use testkit::real::{ceph_conf, rbd, run, small, tiny};
use testkit::{Fleet, eventually};

struct Ground {
    fleet: Fleet,
    machine: Machine,
    vm: ResourceId,
}

/// A guest with two disks that is up.
async fn ground(segment: &str) -> Ground {
    let machine = Machine::new();
    let setup = Fleet::setup().host(machine.server(), None);
    with_guest(machine, setup, segment, None).await
}

/// The first of its disks is an image of a pool.
async fn pooled_ground(segment: &str) -> Ground {
    let machine = Machine::new();
    let (mut kvm, mut ceph) = (machine.server(), machine.ceph());
    kvm.settings.ceph.conf = ceph_conf();
    kvm.settings.ceph.trash_hours = 0;
    ceph.settings.ceph.trash_hours = 0;
    let setup = Fleet::setup().host(kvm, None).host(ceph, None);
    with_guest(machine, setup, segment, Some(POOL)).await
}

const POOL: &str = "snapped";

async fn with_guest(machine: Machine, setup: Setup, segment: &str, pool: Option<&str>) -> Ground {
    let mut fleet = setup.lease_secs(15).start().await;
    fleet.work();
    let image: Image = fleet.client.record_create("images", &tiny()).await.expect("an image");
    let mut wish = small(&image, segment, "10.77.0.9/24");
    wish.disks[0].pool = pool.map(str::to_owned);
    wish.disks.push(Disk { name: "data".into(), gb: 1, primary: false, pool: None });
    let built: Accepted<VmSpec> = fleet.create("web-1", wish).await;
    let vm = built.resource.id;
    let ground = Ground { fleet, machine, vm };
    ground.succeeds(built.task_id).await;
    ground.machine.says(vm, "drover-guest ready", 1).await;
    ground
}

impl Ground {
    async fn ended(&self, task: TaskId) -> Task {
        eventually(LIMIT, "the task ends", async || match self.fleet.client.task(task, Duration::ZERO).await {
            Ok(task) if task.status.has_ended() => Ok(task),
            other => Err(format!("{other:?}")),
        })
        .await
    }

    async fn succeeds(&self, task: TaskId) {
        let task = self.ended(task).await;
        assert_eq!(task.error, None, "{task:#?}");
    }

    async fn power(&self, state: State) {
        let asked: Accepted<VmSpec> = self.fleet.ask(self.vm, state).await;
        self.succeeds(asked.task_id).await;
    }

    async fn change(&self, patch: Value) {
        let changed: Accepted<VmSpec> = self.fleet.change(self.vm, patch).await;
        self.succeeds(changed.task_id).await;
    }

    async fn take(&self, name: &str) -> ResourceId {
        let spec = SnapshotSpec { vm: self.vm, parent: None, remove_subtree: false };
        let taken: Accepted<SnapshotSpec> = self.fleet.create(name, spec).await;
        self.succeeds(taken.task_id).await;
        taken.resource.id
    }

    async fn revert(&self, snapshot: ResourceId) {
        let asked: Accepted<SnapshotSpec> = self.fleet.ask(snapshot, State::RunningUpdate).await;
        self.succeeds(asked.task_id).await;
    }

    async fn remove(&self, snapshot: ResourceId, subtree: bool) {
        let wanted = AskState { state: State::Scrub, remove_subtree: Some(subtree) };
        let asked: Accepted<SnapshotSpec> =
            self.fleet.client.ask(snapshot, wanted, false).await.expect("the scrub is accepted");
        self.succeeds(asked.task_id).await;
    }

    async fn back_up(&self, name: &str) -> Backup {
        let spec = BackupSpec { vm: self.vm, repository: Repository::Primary, valid_hours: 24 };
        let asked: Accepted<BackupSpec> = self.fleet.create(name, spec).await;
        self.succeeds(asked.task_id).await;
        self.fleet.client.read(asked.resource.id).await.expect("the backup")
    }

    async fn snapshot(&self, id: ResourceId) -> Snapshot {
        self.fleet.client.read(id).await.expect("the snapshot")
    }

    /// On both disks.
    async fn write(&self, text: &str) {
        for disk in ["root", "data"] {
            self.machine.tell(self.vm, &format!("write {disk} 4 1 {text}"), &format!("wrote={text}")).await;
        }
    }

    /// On both disks.
    async fn finds(&self, text: &str) {
        for disk in ["root", "data"] {
            self.machine.tell(self.vm, &format!("read {disk} 4"), &format!("read={disk} {text}")).await;
        }
    }

    fn state(&self) -> String {
        run("virsh", &["-q", "-c", &testkit::real::libvirt_uri(), "domstate", &names::domain(self.vm)])
            .trim()
            .to_owned()
    }

    /// What qemu-img knows of a disk.
    fn disk(&self, name: &str) -> Value {
        let path = names::disk(&self.machine.storage(), self.vm, name);
        serde_json::from_str(&run("qemu-img", &["info", "-U", "--output=json", &path])).expect("JSON")
    }

    /// A VM is scrubbed once its snapshots are.
    async fn scrub_waits_for(&self, snapshots: &[ResourceId]) {
        let asked: Accepted<VmSpec> = self.fleet.ask(self.vm, State::Scrub).await;
        eventually(LIMIT, "the scrub waits for a snapshot", async || {
            let task =
                self.fleet.client.task(asked.task_id, Duration::ZERO).await.map_err(|error| error.to_string())?;
            let reason = task.waiting_for.map(|waiting| waiting.reason).unwrap_or_default();
            if reason.contains("snapshot") { Ok(()) } else { Err(reason) }
        })
        .await;
        for snapshot in snapshots {
            self.remove(*snapshot, false).await;
        }
        self.succeeds(asked.task_id).await;
    }

    async fn end(self) {
        self.fleet.reaches::<VmSpec>(self.vm, State::Closed).await;
        self.fleet.stop().await;
        self.machine.is_as_before();
    }
}

#[tokio::test]
async fn real_kvm_a_running_guest_goes_back_and_forth_in_a_tree_of_snapshots() {
    let ground = ground("t5").await;
    ground.write("one").await;
    let first = ground.take("first").await;
    assert_eq!(ground.snapshot(first).await.facts["memory"], true);
    ground.write("two").await;
    let second = ground.take("second").await;
    ground.write("three").await;
    let third = ground.take("third").await;
    ground.write("four").await;
    let disks = json!([{ "name": "root", "gb": 1, "primary": true }, { "name": "data", "gb": 2 }]);
    ground.change(json!({ "disks": disks })).await;

    ground.revert(first).await;
    ground.finds("one").await;
    assert_eq!(ground.snapshot(first).await.facts["active"], true);
    // It has grown since, and stays so.
    assert_eq!(ground.disk("data")["virtual-size"], 2_u64 << 30);
    ground.revert(third).await;
    ground.finds("three").await;

    // From the middle: the third stands on the first then.
    ground.remove(second, false).await;
    assert_eq!(ground.snapshot(third).await.spec.parent, Some(first));
    ground.revert(first).await;
    ground.finds("one").await;
    let beside = ground.take("beside").await;
    assert_eq!(ground.snapshot(first).await.facts["children"], json!([third, beside]));
    ground.revert(third).await;
    ground.finds("three").await;
    // It went on from its memory each time: it never started anew.
    assert_eq!((ground.state().as_str(), ground.machine.said(ground.vm, "drover-guest ready")), ("running", 1));

    ground.remove(first, true).await;
    for id in [first, third, beside] {
        assert_eq!(ground.snapshot(id).await.state, State::Closed);
    }
    for disk in ["root", "data"] {
        assert_eq!(ground.disk(disk).get("snapshots"), None);
    }
    ground.finds("three").await;
    ground.power(State::Scrub).await;
    ground.end().await;
}

#[tokio::test]
async fn real_kvm_a_quiesced_guest_goes_back_and_stays_off_and_one_that_was_changed_is_refused() {
    let ground = ground("t6").await;
    ground.write("one").await;
    let running = ground.take("running").await;
    ground.write("two").await;
    ground.power(State::Quiesce).await;
    let off = ground.take("off").await;
    assert_eq!(ground.snapshot(off).await.facts["memory"], false);
    assert_eq!(ground.snapshot(off).await.spec.parent, Some(running));
    ground.power(State::Restart).await;
    ground.machine.says(ground.vm, "drover-guest ready", 2).await;
    ground.write("three").await;

    // Taken while it was off: one that runs starts from there.
    ground.revert(off).await;
    ground.machine.says(ground.vm, "drover-guest ready", 3).await;
    ground.finds("two").await;
    assert_eq!(ground.state(), "running");

    // Taken while it ran: one that is off stays off.
    ground.power(State::Quiesce).await;
    ground.revert(running).await;
    assert_eq!(ground.state(), "shut off");
    let vm = ground.fleet.client.read::<VmSpec>(ground.vm).await.expect("the VM");
    assert_eq!(vm.state, State::Quiesced);
    ground.power(State::Restart).await;
    ground.machine.says(ground.vm, "drover-guest ready", 4).await;
    ground.finds("one").await;

    let disk = |name: &str| json!({ "name": name, "gb": 1, "primary": name == "root" });
    ground.change(json!({ "disks": [disk("root"), disk("data"), disk("log")] })).await;
    let asked: Accepted<SnapshotSpec> = ground.fleet.ask(off, State::RunningUpdate).await;
    let refused = ground.ended(asked.task_id).await.error.expect("it is refused");
    assert_eq!(refused.code, "snapshot_kvm_updaterunning_2122", "{refused:?}");
    assert!(refused.text.contains("it had the disks data, root and has data, log, root"), "{refused:?}");
    ground.scrub_waits_for(&[off, running]).await;
    ground.end().await;
}

#[tokio::test]
async fn real_kvm_a_guest_with_backups_goes_back_and_its_next_backup_is_a_full_one() {
    let ground = ground("t4").await;
    let repository = names::backups(&ground.machine.storage());
    let folder = |backup| names::backup(&repository, ground.vm, backup);
    ground.write("one").await;
    let first = ground.back_up("first").await;
    let snapshot = ground.take("snapshot").await;
    ground.write("two").await;
    let second = ground.back_up("second").await;
    assert_eq!(second.facts["kind"], "incremental", "{:#?}", second.facts);

    ground.revert(snapshot).await;
    ground.finds("one").await;
    assert_eq!(ground.state(), "running");
    ground.write("three").await;
    let copies = tempfile::TempDir::new().expect("a folder");
    for disk in ["root", "data"] {
        let source = names::disk(&ground.machine.storage(), ground.vm, disk);
        let copy = copies.path().join(disk).display().to_string();
        run("qemu-img", &["convert", "-U", "-O", "raw", &source, &copy]);
    }
    let third = ground.back_up("third").await;
    assert_eq!(third.facts["kind"], "full", "{:#?}", third.facts);
    for disk in ["root", "data"] {
        let (copy, file) = (copies.path().join(disk), format!("{}/{disk}.qcow2", folder(third.id)));
        run("qemu-img", &["compare", "-f", "raw", "-F", "qcow2", &copy.display().to_string(), &file]);
    }
    // Nor while it is off.
    ground.power(State::Quiesce).await;
    ground.revert(snapshot).await;
    assert_eq!(ground.state(), "shut off");
    ground.power(State::Restart).await;
    ground.machine.says(ground.vm, "drover-guest ready", 2).await;
    ground.finds("one").await;

    for backup in [first.id, second.id, third.id] {
        let asked: Accepted<BackupSpec> = ground.fleet.ask(backup, State::Scrub).await;
        ground.succeeds(asked.task_id).await;
    }
    ground.scrub_waits_for(&[snapshot]).await;
    ground.end().await;
}

impl Ground {
    /// The first disk in its pool.
    fn image(&self) -> String {
        names::in_pool(POOL, &names::disk_image(self.vm, "root"))
    }

    fn image_snapshots(&self) -> Value {
        serde_json::from_str(&rbd(&["snap", "ls", "--format", "json", &self.image()])).expect("JSON")
    }

    async fn built<S: Spec>(&self, name: &str, wish: S) -> ResourceId {
        let built: Accepted<S> = self.fleet.create(name, wish).await;
        self.succeeds(built.task_id).await;
        built.resource.id
    }

    /// A revert starts the guest anew.
    async fn starts(&self, times: usize) {
        self.machine.says(self.vm, "drover-guest ready", times).await;
    }

    async fn tells(&self, line: String, answer: String) {
        self.machine.tell(self.vm, &line, &answer).await;
    }
}

#[tokio::test]
async fn real_ceph_a_guest_with_a_disk_in_a_pool_and_one_in_a_file_goes_back_and_its_volume_stays_as_it_is() {
    let ground = pooled_ground("t7").await;
    let wish = CephSpec { gb: 1, pool: POOL.into(), features: usual_features(), clone: None, vm: Some(ground.vm) };
    let volume = ground.built("beside", CephSpec { vm: None, ..wish.clone() }).await;
    let attached: Accepted<CephSpec> = ground.fleet.change(volume, json!({ "vm": ground.vm })).await;
    ground.succeeds(attached.task_id).await;
    ground.machine.says(ground.vm, &format!("volume-{volume} empty"), 1).await;

    ground.write("one").await;
    let first = ground.take("first").await;
    let facts = ground.snapshot(first).await.facts;
    assert_eq!((&facts["memory"], &facts["volumes_left_out"]), (&json!(false), &json!([volume])), "{facts:?}");
    ground.write("two").await;
    let second = ground.take("second").await;
    ground.write("three").await;
    ground.tells(format!("write volume-{volume} 4 1 kept"), "wrote=kept".into()).await;
    // It stood still for a moment, and went on.
    assert_eq!((ground.state().as_str(), ground.machine.said(ground.vm, "drover-guest ready")), ("running", 1));
    ground
        .change(json!({ "disks": [
            { "name": "root", "gb": 2, "primary": true, "pool": POOL }, { "name": "data", "gb": 1 },
        ]}))
        .await;
    let grown = format!("disk=vda {}", 2_u64 << 30);
    ground.machine.says(ground.vm, &grown, 1).await;

    ground.revert(first).await;
    ground.starts(2).await;
    ground.finds("one").await;
    // It has grown since, and stays so.
    ground.machine.says(ground.vm, &grown, 2).await;
    ground.tells(format!("read volume-{volume} 4"), format!("read=volume-{volume} kept")).await;
    ground.revert(second).await;
    ground.starts(3).await;
    ground.finds("two").await;

    // While it is off.
    ground.power(State::Quiesce).await;
    let off = ground.take("off").await;
    assert_eq!(ground.snapshot(off).await.spec.parent, Some(second));
    ground.revert(first).await;
    assert_eq!(ground.state(), "shut off");
    ground.power(State::Restart).await;
    ground.starts(4).await;
    ground.finds("one").await;

    // From the middle, under a guest that runs; then all of it.
    ground.remove(second, false).await;
    assert_eq!(ground.image_snapshots().as_array().map(Vec::len), Some(2));
    assert_eq!(ground.disk("data")["snapshots"].as_array().map(Vec::len), Some(2));
    ground.revert(off).await;
    ground.starts(5).await;
    ground.finds("two").await;
    ground.remove(first, true).await;
    assert_eq!(ground.snapshot(off).await.state, State::Closed);
    assert_eq!((ground.image_snapshots(), ground.disk("data").get("snapshots")), (json!([]), None));
    ground.finds("two").await;

    let detached: Accepted<CephSpec> = ground.fleet.change(volume, json!({ "vm": null })).await;
    ground.succeeds(detached.task_id).await;
    let scrubbed: Accepted<CephSpec> = ground.fleet.ask(volume, State::Scrub).await;
    ground.succeeds(scrubbed.task_id).await;
    let last = ground.take("last").await;
    ground.scrub_waits_for(&[last]).await;
    ground.fleet.reaches::<VmSpec>(ground.vm, State::Closed).await;
    let left = rbd(&["ls", POOL]);
    assert!(left.lines().all(|image| image.starts_with("drover-image-")), "{left}");
    ground.end().await;
}
