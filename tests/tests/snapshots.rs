//! Snapshots disk by disk beside what goes wrong: a program that refuses in the middle, a volume that is not in them, snapshots
//! of others, a client that has crashed.

use crate::rig::{ceph_alone_rig, snapshot_kvm_pool_rig};
use hosts::HostError;
use iaas::tenant::{Accepted, AskState};
use model::ceph::CephSpec;
use model::server::HostSettings;
use model::snapshot::SnapshotSpec;
use model::task::{Task, TaskStatus};
use model::vm::VmSpec;
use model::{ResourceId, ServerType, State, names};
use serde_json::json;
use std::sync::Arc;
use testkit::Fleet;
use testkit::fakes::ceph::Cluster;
use testkit::fakes::kvm::{self, Kvm};
use testkit::fleet::{image, server};

/// A VM that runs, with its disk `root` in a pool and its disk `old` in a file, and an agent inside.
struct World {
    cluster: Cluster,
    kvm: Arc<Kvm>,
    fleet: Fleet,
    vm: ResourceId,
}

async fn world() -> World {
    let cluster = Cluster::new(&["volumes"]);
    let kvm = Arc::new(Kvm::new("kvm-1").with_ceph(&cluster));
    kvm.have_agents(true);
    let mut image = image();
    let bytes = kvm::qcow2(1);
    kvm.add_file(&image.source, &bytes);
    image.sha256 = kvm::sha256(&bytes);
    let untrashed = |name, server_type| {
        let mut spec = server(name, server_type);
        spec.settings.ceph.trash_hours = 0;
        spec
    };
    let beside = Arc::new(Kvm::new("ceph-1").with_ceph(&cluster));
    let setup = Fleet::setup().image(image).host(untrashed("kvm-1", ServerType::Kvm), Some(kvm.clone()));
    let mut fleet = setup.host(untrashed("ceph-1", ServerType::Ceph), Some(beside)).start().await;
    fleet.work();
    let wish = snapshot_kvm_pool_rig().vm.expect("its VM")(&fleet);
    let built: Accepted<VmSpec> = fleet.create("vm", wish).await;
    let vm = built.resource.id;
    fleet.reaches::<VmSpec>(vm, State::Running).await;
    World { cluster, kvm, fleet, vm }
}

impl World {
    fn image(&self) -> String {
        names::in_pool("volumes", &names::disk_image(self.vm, "root"))
    }

    /// The names of the snapshots that the file has.
    fn of_file(&self) -> Vec<String> {
        let path = names::disk(&HostSettings::default().storage, self.vm, "old");
        let words = self.kvm.words();
        words.keys().filter_map(|key| key.strip_prefix(&format!("{path}@"))).map(str::to_owned).collect()
    }

    fn power(&self) -> String {
        self.kvm.words()[&format!("{}/power", names::domain(self.vm))].clone()
    }

    async fn take(&self) -> Accepted<SnapshotSpec> {
        self.fleet.create("snapshot", SnapshotSpec { vm: self.vm, parent: None, remove_subtree: false }).await
    }

    async fn taken(&self) -> ResourceId {
        let id = self.take().await.resource.id;
        self.fleet.reaches::<SnapshotSpec>(id, State::Running).await;
        id
    }

    async fn succeeds(&self, task: model::TaskId) -> Task {
        let task = self.fleet.ended(task).await;
        assert_eq!(task.status, TaskStatus::Succeeded, "{task:#?}");
        task
    }
}

fn refuses(program: &str) -> HostError {
    HostError::Failed {
        host: "kvm-1".into(),
        program: program.into(),
        line: "as told".into(),
        status: 5,
        stderr: "no".into(),
    }
}

#[tokio::test]
async fn a_guest_goes_on_when_the_second_disk_is_refused_and_a_retry_takes_both_anew() {
    let world = world().await;
    world.kvm.fail_next(|line| line.contains("blockdev-snapshot-internal-sync"), refuses("virsh"));
    let snapshot = world.take().await.resource.id;
    let failed = world.fleet.reaches::<SnapshotSpec>(snapshot, State::Unresourced).await;
    let name = names::snapshot(snapshot);
    assert_eq!((world.power().as_str(), world.of_file().len()), ("on", 0));
    assert_eq!(world.cluster.snapshots(&world.image()), [name.as_str()]);

    // Without a note it is not taken, whatever the first disk has: it is removed from there and taken again.
    let before = world.kvm.transcript().len();
    let retry = world.fleet.client.task_retry(failed.task_id.expect("the task")).await.expect("it can be retried");
    world.succeeds(retry.id).await;
    let told = world.kvm.transcript().split_off(before);
    let at =
        |word: &str| told.iter().position(|line| line.contains(word)).unwrap_or_else(|| panic!("{word}: {told:#?}"));
    let order =
        ["snap rm", "domfsfreeze", " suspend ", "snap create", "internal-sync", " resume ", "domfsthaw", "write "];
    assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])), "{told:#?}");
    assert_eq!((world.of_file(), world.cluster.snapshots(&world.image())), (vec![name.clone()], vec![name]));

    // One that failed for good leaves nothing when it is scrubbed.
    world.kvm.fail_next(|line| line.contains("blockdev-snapshot-internal-sync"), refuses("virsh"));
    let other = world.take().await.resource.id;
    world.fleet.reaches::<SnapshotSpec>(other, State::Unresourced).await;
    let scrubbed: Accepted<SnapshotSpec> = world.fleet.ask(other, State::Scrub).await;
    world.succeeds(scrubbed.task_id).await;
    assert_eq!(world.cluster.snapshots(&world.image()), [names::snapshot(snapshot)]);
    world.fleet.stop().await;
}

#[tokio::test]
async fn a_guest_whose_agent_has_no_time_to_say_that_it_is_frozen_is_thawed() {
    let world = world().await;
    world.kvm.mute_frozen_agents();
    let snapshot = world.taken().await;
    let facts = world.fleet.client.read::<SnapshotSpec>(snapshot).await.expect("the snapshot").facts;
    assert_eq!(facts["frozen"], true);
    assert!(!world.kvm.is_frozen(&names::domain(world.vm)));
    world.fleet.stop().await;
}

#[tokio::test]
async fn a_volume_is_left_out_and_stays_and_a_client_that_crashed_is_waited_for() {
    let world = world().await;
    let wish = (ceph_alone_rig().wish)(&world.fleet, None);
    let volume: Accepted<CephSpec> = world.fleet.create("data", wish).await;
    let volume = volume.resource.id;
    world.fleet.reaches::<CephSpec>(volume, State::Running).await;
    let change = async |patch| {
        let changed: Accepted<CephSpec> = world.fleet.change(volume, patch).await;
        world.succeeds(changed.task_id).await;
    };
    change(json!({ "vm": world.vm })).await;
    let snapshot = world.taken().await;
    let facts = world.fleet.client.read::<SnapshotSpec>(snapshot).await.expect("the snapshot").facts;
    assert_eq!((&facts["volumes_left_out"], &facts["memory"]), (&json!([volume]), &json!(false)));
    assert_eq!(facts["frozen"], true);
    let path = names::in_pool("volumes", &names::volume(volume));
    assert_eq!(world.cluster.snapshots(&path), [""; 0]);

    // QEMU has died: the image looks open for a while. The volume comes back with the guest.
    world.kvm.kill(&names::domain(world.vm), 3);
    let reverted: Accepted<SnapshotSpec> = world.fleet.ask(snapshot, State::RunningUpdate).await;
    let reverted = world.succeeds(reverted.task_id).await;
    let notes: Vec<_> = reverted.steps.iter().filter_map(|step| step.note.as_deref()).collect();
    assert!(notes.iter().any(|note| note.contains("blocklisted")), "{reverted:#?}");
    assert_eq!(world.power(), "on");
    assert!(world.kvm.words().contains_key(&format!("live {path}")));
    world.fleet.stop().await;
}

#[tokio::test]
async fn a_subtree_goes_by_its_records_and_a_vms_scrub_removes_what_drover_left_and_nothing_of_others() {
    let world = world().await;
    let (first, second, third) = (world.taken().await, world.taken().await, world.taken().await);
    let wanted = AskState { state: State::Scrub, remove_subtree: Some(true) };
    let asked: Accepted<SnapshotSpec> = world.fleet.client.ask(second, wanted, false).await.expect("it is accepted");
    world.succeeds(asked.task_id).await;
    world.fleet.reaches::<SnapshotSpec>(third, State::Closed).await;
    assert_eq!(world.of_file(), [names::snapshot(first)]);
    assert_eq!(world.cluster.snapshots(&world.image()), [names::snapshot(first)]);
    let asked: Accepted<SnapshotSpec> = world.fleet.ask(first, State::Scrub).await;
    world.succeeds(asked.task_id).await;

    world.cluster.take_snapshot(&world.image(), &names::snapshot(ResourceId(99)));
    world.cluster.take_snapshot(&world.image(), "by-hand");
    let asked: Accepted<VmSpec> = world.fleet.ask(world.vm, State::Scrub).await;
    world.fleet.ended(asked.task_id).await;
    let held = world.fleet.reaches::<VmSpec>(world.vm, State::Unresourced).await;
    assert_eq!(held.error.map(|error| error.code).as_deref(), Some("vm_kvm_scrub_2206"));
    assert_eq!(world.cluster.snapshots(&world.image()), ["by-hand"]);
    world.fleet.stop().await;
}
