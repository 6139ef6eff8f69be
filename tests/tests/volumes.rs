//! Volumes beside what goes wrong: an image that is in use, a client that crashed, a pool that is full, images of others.

use crate::rig::ceph_alone_rig;
use iaas::tenant::Accepted;
use model::backup::{BackupSpec, Repository};
use model::ceph::{CephSpec, Parent};
use model::task::{Task, TaskStatus};
use model::vm::{Disk, VmSpec};
use model::{ResourceId, ServerType, State, names};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use testkit::fakes::ceph::{Cluster, KEY};
use testkit::fakes::kvm::{self, Kvm};
use testkit::fleet::{image, server, vm};
use testkit::{Fleet, LIMIT, eventually};

struct World {
    cluster: Cluster,
    kvm: Arc<Kvm>,
    fleet: Fleet,
}

async fn world(trash_hours: u32) -> World {
    let cluster = Cluster::new(&["volumes", "second"]);
    let kvm = Arc::new(Kvm::new("kvm-1").with_ceph(&cluster));
    let mut image = image();
    let bytes = kvm::qcow2(1);
    kvm.add_file(&image.source, &bytes);
    image.sha256 = kvm::sha256(&bytes);
    let beside = Arc::new(Kvm::new("ceph-1").with_ceph(&cluster));
    let with_trash = |name, server_type| {
        let mut spec = server(name, server_type);
        spec.settings.ceph.trash_hours = trash_hours;
        spec
    };
    let setup = Fleet::setup().image(image).host(with_trash("kvm-1", ServerType::Kvm), Some(kvm.clone()));
    let mut fleet = setup.host(with_trash("ceph-1", ServerType::Ceph), Some(beside)).start().await;
    fleet.work();
    World { cluster, kvm, fleet }
}

impl World {
    async fn volume(&self) -> ResourceId {
        let made: Accepted<CephSpec> = self.fleet.create("data", (ceph_alone_rig().wish)(&self.fleet, None)).await;
        self.fleet.reaches::<CephSpec>(made.resource.id, State::Running).await.id
    }

    /// The volume's scrub, once it waits; its reason.
    async fn waits(&self, asked: &Accepted<CephSpec>) -> String {
        let limit = LIMIT + Duration::from_secs(60);
        eventually(limit, "it waits", async || {
            let task =
                self.fleet.client.task(asked.task_id, Duration::ZERO).await.map_err(|error| error.to_string())?;
            match task.waiting_for {
                Some(waiting) if waiting.reason.contains("in use") => Ok(waiting.reason),
                other => Err(format!("{other:?} {:?}", task.steps.last())),
            }
        })
        .await
    }

    async fn refused(&self, volume: ResourceId) -> String {
        self.fleet.reaches::<CephSpec>(volume, State::Unresourced).await.error.expect("it says why").code
    }
}

fn notes(task: &Task) -> String {
    task.steps.iter().filter_map(|step| step.note.as_deref()).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn who_has_crashed_is_blocklisted_once_its_watch_has_ended() {
    let world = world(0).await;
    let volume = world.volume().await;
    let image = names::in_pool("volumes", &names::volume(volume));
    world.cluster.open(&image, "somebody");
    world.cluster.crash("somebody", 3);
    let scrub: Accepted<CephSpec> = world.fleet.ask(volume, State::Scrub).await;
    let scrub = world.fleet.ended(scrub.task_id).await;
    assert_eq!(scrub.status, TaskStatus::Succeeded, "{scrub:#?}");
    assert!(notes(&scrub).contains("without giving its lock back: blocklisted"), "{scrub:#?}");
    assert_eq!((world.cluster.blocklist().len(), world.cluster.images().len()), (1, 0));
    world.fleet.stop().await;
}

#[tokio::test]
async fn who_is_alive_is_waited_for() {
    let world = world(0).await;
    let volume = world.volume().await;
    let image = names::in_pool("volumes", &names::volume(volume));
    world.cluster.open(&image, "somebody");
    let scrub: Accepted<CephSpec> = world.fleet.ask(volume, State::Scrub).await;
    let reason = world.waits(&scrub).await;
    assert!(reason.contains("client.41") && reason.contains("10.0.0.5"), "{reason}");
    assert_eq!(world.cluster.images(), std::slice::from_ref(&image));
    world.cluster.close(&image, "somebody");
    assert_eq!(world.fleet.ended(scrub.task_id).await.status, TaskStatus::Succeeded);
    assert!(world.cluster.blocklist().is_empty() && world.cluster.images().is_empty());
    world.fleet.stop().await;
}

#[tokio::test]
async fn a_scrubbed_volume_is_in_the_trash_until_it_expires_and_a_later_scrub_comes_by() {
    let world = world(24).await;
    let scrub = async |volume: ResourceId| {
        world.fleet.ask::<CephSpec>(volume, State::Scrub).await;
        world.fleet.reaches::<CephSpec>(volume, State::Closed).await;
        names::in_pool("volumes", &names::volume(volume))
    };
    let first = scrub(world.volume().await).await;
    assert_eq!((world.cluster.images().len(), world.cluster.trash()), (0, vec![first.clone()]));
    let second = scrub(world.volume().await).await;
    assert_eq!(world.cluster.trash(), [first, second]);
    world.cluster.pass_hours(24);
    let third = scrub(world.volume().await).await;
    assert_eq!(world.cluster.trash(), [third]);
    world.fleet.stop().await;
}

#[tokio::test]
async fn a_pool_that_is_full_or_absent_and_images_of_others_are_refused_with_nothing_made() {
    let world = world(0).await;
    let taken = names::volume(ResourceId(3));
    world.cluster.add_image("second", &taken, 1, None);
    let before = world.cluster.images();
    world.cluster.leave_room("volumes", 1 << 29);
    let wish = (ceph_alone_rig().wish)(&world.fleet, None);
    let full: Accepted<CephSpec> = world.fleet.create("full", wish.clone()).await;
    assert_eq!(world.refused(full.resource.id).await, "ceph_build_2201");
    let absent = CephSpec { pool: "none".into(), ..wish.clone() };
    let absent: Accepted<CephSpec> = world.fleet.create("absent", absent).await;
    assert_eq!(world.refused(absent.resource.id).await, "ceph_build_2200");
    let foreign = CephSpec { pool: "second".into(), ..wish.clone() };
    let foreign: Accepted<CephSpec> = world.fleet.create("foreign", foreign).await;
    assert_eq!(foreign.resource.id, ResourceId(3));
    assert_eq!(world.refused(foreign.resource.id).await, "ceph_build_2202");
    let parent = Parent { pool: "second".into(), image: taken, snapshot: "none".into() };
    let clone = CephSpec { pool: "second".into(), clone: Some(parent), ..wish };
    let clone: Accepted<CephSpec> = world.fleet.create("clone", clone).await;
    assert_eq!(world.refused(clone.resource.id).await, "ceph_build_2205");
    assert_eq!(world.cluster.images(), before);
    world.fleet.stop().await;
}

#[tokio::test]
async fn a_volume_stays_with_its_vm_when_the_domain_is_defined_anew_and_leaves_one_that_is_scrubbed() {
    let world = world(0).await;
    let volume = world.volume().await;
    let built: Accepted<VmSpec> = world.fleet.create("vm", vm(&world.fleet.image)).await;
    let id = built.resource.id;
    world.fleet.reaches::<VmSpec>(id, State::Running).await;
    let change = async |patch| {
        let changed: Accepted<CephSpec> = world.fleet.change(volume, patch).await;
        assert_eq!(world.fleet.ended(changed.task_id).await.status, TaskStatus::Succeeded);
    };
    change(json!({ "vm": id })).await;
    let key = format!("live volumes/{}", names::volume(volume));
    assert!(world.kvm.words().contains_key(&key));
    let told = world.kvm.transcript();
    assert!(told.iter().any(|line| line.contains("secret-set-value")) && !told.iter().any(|line| line.contains(KEY)));
    world.fleet.change::<VmSpec>(id, json!({ "ram_mb": 512 })).await;
    world.fleet.reaches::<VmSpec>(id, State::Running).await;
    assert!(world.kvm.words().contains_key(&key), "{:#?}", world.kvm.words());
    // QEMU dies; the volume is taken from what is left of the VM, while the VM's scrub waits for it.
    world.kvm.kill(&names::domain(id), 0);
    let scrub: Accepted<VmSpec> = world.fleet.ask(id, State::Scrub).await;
    change(json!({ "vm": null })).await;
    assert_eq!(world.fleet.ended(scrub.task_id).await.status, TaskStatus::Succeeded);
    world.fleet.reaches::<VmSpec>(id, State::Closed).await;
    assert!(!world.kvm.words().keys().any(|key| key.starts_with("secret ")), "{:#?}", world.kvm.words());
    world.fleet.stop().await;
}

#[tokio::test]
async fn a_backup_names_the_disks_in_pools_that_it_leaves_out() {
    let world = world(0).await;
    let fleet = &world.fleet;
    let disk = |name: &str, primary, pool: Option<&str>| Disk {
        name: name.into(),
        gb: 1,
        primary,
        pool: pool.map(Into::into),
    };
    let wish = |disks| VmSpec { disks, ..vm(&fleet.image) };
    let backup = |vm| BackupSpec { vm, repository: Repository::Primary, valid_hours: 24 };
    let mixed = wish(vec![disk("root", true, None), disk("log", false, Some("volumes"))]);
    let id = fleet.create("mixed", mixed.clone()).await.resource.id;
    fleet.reaches::<VmSpec>(id, State::Running).await;
    let made = fleet.create("backup", backup(id)).await.resource.id;
    let made = fleet.reaches::<BackupSpec>(made, State::Running).await;
    let left_out = made.facts["left_out"].as_array().cloned().unwrap_or_default();
    let image = format!("volumes/{}", names::disk_image(id, "log"));
    assert!(left_out.len() == 1 && left_out[0].as_str().is_some_and(|text| text.contains(&image)), "{left_out:?}");

    let restored = fleet.create("restored", VmSpec { backup: Some(made.id), ..mixed }).await.resource.id;
    let failed = fleet.reaches::<VmSpec>(restored, State::Unresourced).await.error.expect("it says why");
    assert_eq!(failed.code, "vm_kvm_build_2310", "{failed:?}");
    let only = VmSpec { backup: Some(made.id), ..wish(vec![disk("root", true, None)]) };
    let restored = fleet.create("only-root", only).await.resource.id;
    fleet.reaches::<VmSpec>(restored, State::Running).await;

    let pooled = fleet.create("pooled", wish(vec![disk("root", true, Some("volumes"))])).await.resource.id;
    fleet.reaches::<VmSpec>(pooled, State::Running).await;
    let refused = fleet.create("nothing", backup(pooled)).await.task_id;
    let refused = fleet.ended(refused).await.error.expect("it says why");
    assert_eq!(refused.code, "backup_kvm_build_2306", "{refused:?}");
    world.fleet.stop().await;
}
