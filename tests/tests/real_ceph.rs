//! Volumes on a real Ceph cluster, attached to real guests; cluster and host are as before afterwards.

use crate::machine::{LIMIT, Machine};
use iaas::tenant::Accepted;
use model::ceph::{CephSpec, usual_features};
use model::image::Image;
use model::resource::Spec;
use model::task::{Task, TaskStatus};
use model::vm::{Disk, VmSpec};
use model::{ResourceId, State, TaskId, names};
use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use testkit::real::{self, ceph_conf, rbd, run, tiny};
use testkit::{Fleet, eventually, fleet};

const GB: u64 = 1 << 30;

/// A fleet with a KVM server and the cluster's, and what was there before.
struct Ground {
    fleet: Fleet,
    image: Image,
    machine: Machine,
    pool: &'static str,
    before: String,
}

async fn ground(pool: &'static str, trash_hours: u32) -> Ground {
    let machine = Machine::new();
    let (mut kvm, mut ceph) = (machine.server(), machine.ceph());
    kvm.settings.ceph.conf = ceph_conf();
    kvm.settings.ceph.trash_hours = trash_hours;
    ceph.settings.ceph.trash_hours = trash_hours;
    let before = seen(pool);
    let mut fleet = Fleet::setup().host(kvm, None).host(ceph, None).lease_secs(15).start().await;
    fleet.work();
    let image = fleet.client.record_create("images", &tiny()).await.expect("an image");
    Ground { fleet, image, machine, pool, before }
}

/// What drover could leave in a pool and in the host's libvirt; images that VMs are cloned from are kept for the next.
fn seen(pool: &str) -> String {
    let images = rbd(&["ls", pool]);
    let images: Vec<&str> = images.lines().filter(|image| !image.starts_with("drover-image-")).collect();
    let trash = rbd(&["trash", "ls", "--all", pool]);
    let secrets = run("virsh", &["-q", "-c", &real::libvirt_uri(), "secret-list"]);
    format!("images: {images:?}\ntrash: {trash}\nsecrets: {secrets}")
}

impl Ground {
    async fn vm(&self, name: &str, userdata: &str) -> ResourceId {
        let mut wish = VmSpec { ram_mb: 192, ..fleet::vm(&self.image) };
        wish.userdata = Some(format!("#cloud-config\n{userdata}\n"));
        self.built(name, wish).await
    }

    fn wish(&self) -> CephSpec {
        CephSpec { gb: 1, pool: self.pool.into(), features: usual_features(), clone: None, vm: None }
    }

    async fn built<S: Spec>(&self, name: &str, wish: S) -> ResourceId {
        let built: Accepted<S> = self.fleet.create(name, wish).await;
        self.succeeds(built.task_id).await;
        built.resource.id
    }

    async fn ended(&self, task: TaskId) -> Task {
        eventually(LIMIT, "the task ends", async || match self.fleet.client.task(task, Duration::ZERO).await {
            Ok(task) if task.status.has_ended() => Ok(task),
            other => Err(format!("{other:?}")),
        })
        .await
    }

    async fn succeeds(&self, task: TaskId) -> Task {
        let task = self.ended(task).await;
        assert_eq!((task.status, &task.error), (TaskStatus::Succeeded, &None), "{task:#?}");
        task
    }

    async fn change<S: Spec>(&self, id: ResourceId, patch: Value) -> Task {
        let changed: Accepted<S> = self.fleet.change(id, patch).await;
        self.succeeds(changed.task_id).await
    }

    async fn ask<S: Spec>(&self, id: ResourceId, state: State) -> Task {
        let asked: Accepted<S> = self.fleet.ask(id, state).await;
        self.succeeds(asked.task_id).await
    }

    async fn scrub<S: Spec>(&self, id: ResourceId) -> Task {
        let task = self.ask::<S>(id, State::Scrub).await;
        eventually(LIMIT, "it is closed", async || {
            let found = self.fleet.client.read::<S>(id).await.map_err(|failure| failure.to_string())?;
            if found.state == State::Closed { Ok(()) } else { Err(format!("{} {:?}", found.state, found.error)) }
        })
        .await;
        task
    }

    async fn end(self) {
        self.fleet.stop().await;
        self.machine.is_as_before();
        assert_eq!(seen(self.pool), self.before);
    }
}

fn notes(task: &Task) -> Vec<&str> {
    task.steps.iter().filter_map(|step| step.note.as_deref()).collect()
}

#[tokio::test]
async fn real_ceph_what_a_guest_has_written_is_there_on_another_vm_and_a_scrubbed_volume_can_be_restored() {
    let ground = ground("volumes", 1).await;
    let volume = ground.built("data", ground.wish()).await;
    let says = |vm, what: String, times| {
        let machine = &ground.machine;
        async move { machine.says(vm, &what, times).await }
    };

    // Into a guest that runs; it writes, and the volume grows under it. The seed is vdb.
    let one = ground.vm("one", "write-volumes: hello").await;
    says(one, "drover-guest ready".into(), 1).await;
    ground.change::<CephSpec>(volume, json!({ "vm": one })).await;
    says(one, format!("volume-{volume} written"), 1).await;
    ground.change::<CephSpec>(volume, json!({ "gb": 2 })).await;
    says(one, format!("disk=vdc {}", 2 * GB), 1).await;
    let used = run("virsh", &["-q", "-c", &real::libvirt_uri(), "secret-list"]);
    assert!(used.contains("drover client.drover"), "{used}");
    ground.change::<CephSpec>(volume, json!({ "vm": null })).await;

    // Into one that is off, from where it comes with its next start, and stays when the domain is defined anew.
    let two = ground.vm("two", "").await;
    says(two, "drover-guest ready".into(), 1).await;
    ground.ask::<VmSpec>(two, State::Quiesce).await;
    ground.change::<CephSpec>(volume, json!({ "vm": two })).await;
    ground.ask::<VmSpec>(two, State::Restart).await;
    says(two, format!("volume-{volume} holds hello"), 1).await;
    ground.change::<VmSpec>(two, json!({ "ram_mb": 256 })).await;
    says(two, format!("volume-{volume} holds hello"), 2).await;

    // A VM is not scrubbed with a volume on it, nor a volume that is on a VM.
    let refused = ground.fleet.client.ask::<CephSpec>(volume, State::Scrub, false).await;
    assert!(refused.is_err(), "{refused:?}");
    let waits: Accepted<VmSpec> = ground.fleet.ask(two, State::Scrub).await;
    ground.change::<CephSpec>(volume, json!({ "vm": null })).await;
    ground.succeeds(waits.task_id).await;
    ground.scrub::<VmSpec>(one).await;

    // What has expired in the trash goes with the next scrub.
    let (image, expired) = (names::volume(volume), names::volume(ResourceId(999_999)));
    rbd(&["create", "--size", "1G", &names::in_pool("volumes", &expired)]);
    rbd(&["trash", "mv", &names::in_pool("volumes", &expired), "--expires-at", "now"]);
    let scrubbed = ground.scrub::<CephSpec>(volume).await;
    assert!(notes(&scrubbed).iter().any(|note| note.contains("restored for 1 hours")), "{scrubbed:#?}");
    let trash = rbd(&["trash", "ls", "--all", "volumes"]);
    assert!(trash.contains(&image) && !trash.contains(&expired), "{trash}");
    let id = trash.split_whitespace().next().expect("its number");
    rbd(&["trash", "restore", &names::in_pool("volumes", id)]);
    let restored = rbd(&["export", "--no-progress", &names::in_pool("volumes", &image), "-"]);
    assert!(restored.starts_with("drover: hello\n"), "the volume's data is in it");
    rbd(&["rm", "--no-progress", &names::in_pool("volumes", &image)]);
    ground.end().await;
}

/// The QEMU of a VM dies at once.
fn kill(vm: ResourceId) {
    let name = format!("guest={},", names::domain(vm));
    let is_it = |pid: &String| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&name)
    };
    let processes = std::fs::read_dir("/proc").expect("the processes");
    let pids = processes.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let pids: Vec<String> = pids.filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit())).filter(is_it).collect();
    assert_eq!(pids.len(), 1, "one QEMU runs {name}");
    run("kill", &["-KILL", &pids[0]]);
}

#[tokio::test]
async fn real_ceph_a_client_that_crashed_is_waited_for_and_blocklisted() {
    let ground = ground("killed", 0).await;
    let volume = ground.built("data", ground.wish()).await;
    let vm = ground.vm("crashes", "write-volumes: hello").await;
    ground.machine.says(vm, "drover-guest ready", 1).await;
    ground.change::<CephSpec>(volume, json!({ "vm": vm })).await;
    ground.machine.says(vm, &format!("volume-{volume} written"), 1).await;
    kill(vm);
    // From the definition: nobody is there to let go of it.
    ground.change::<CephSpec>(volume, json!({ "vm": null })).await;
    let scrubbed = ground.scrub::<CephSpec>(volume).await;
    let note = notes(&scrubbed).into_iter().find(|note| note.contains("blocklisted"));
    let note = note.unwrap_or_else(|| panic!("nobody was blocklisted: {scrubbed:#?}"));
    let address = note.split_whitespace().nth(2).expect("an address");
    let blocklist = run("ceph", &["-c", &ceph_conf(), "osd", "blocklist", "ls"]);
    assert!(blocklist.contains(address), "{address} is not in {blocklist}");
    run("ceph", &["-c", &ceph_conf(), "osd", "blocklist", "rm", address]);
    ground.scrub::<VmSpec>(vm).await;
    ground.end().await;
}

/// Somebody who has an image open, for as long as this is there.
struct Open(Child);

impl Open {
    fn new(image: &str) -> Self {
        let mut watch = Command::new("rbd");
        watch.args(["-c", &ceph_conf(), "watch", image]).stdin(Stdio::piped()).stdout(Stdio::null());
        Self(watch.spawn().expect("rbd starts"))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // It ends well when its input does.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn real_ceph_a_client_that_is_alive_is_left_in_peace_and_waited_for() {
    let ground = ground("killed", 0).await;
    let volume = ground.built("data", ground.wish()).await;
    let image = names::in_pool("killed", &names::volume(volume));
    let open = Open::new(&image);
    eventually(LIMIT, "somebody has it open", async || {
        let status = rbd(&["status", "--format", "json", &image]);
        if status.contains("client") { Ok(()) } else { Err(status) }
    })
    .await;
    let asked: Accepted<CephSpec> = ground.fleet.ask(volume, State::Scrub).await;
    eventually(LIMIT, "the scrub waits for who has it open", async || {
        let task = ground.fleet.client.task(asked.task_id, Duration::ZERO).await.map_err(|error| error.to_string())?;
        match &task.waiting_for {
            Some(waiting) if waiting.reason.contains("in use by client.") => Ok(()),
            waiting => Err(format!("{waiting:?} {:?}", task.steps.last())),
        }
    })
    .await;
    assert!(rbd(&["ls", "killed"]).contains(&names::volume(volume)), "it was taken from under its user");
    drop(open);
    ground.succeeds(asked.task_id).await;
    ground.end().await;
}

#[tokio::test]
async fn real_ceph_a_full_pool_is_told_with_numbers_and_nothing_is_made() {
    let ground = ground("full", 0).await;
    let ceph = |argv: &[&str]| run("ceph", &[["-c", &ceph_conf()].as_slice(), argv].concat());
    ceph(&["osd", "pool", "set-quota", "full", "max_bytes", "100000000"]);
    let refused: Accepted<CephSpec> = ground.fleet.create("data", ground.wish()).await;
    let failed = ground.fleet.reaches::<CephSpec>(refused.resource.id, State::Unresourced).await;
    let error = failed.error.expect("it says why");
    assert_eq!(error.code, "ceph_build_2201", "{error:?}");
    assert!(error.text.contains("Pool full has room for 95 MB") && error.text.contains("1024 MB"), "{error:?}");
    assert_eq!(seen("full"), ground.before);
    ceph(&["osd", "pool", "set-quota", "full", "max_bytes", "0"]);

    // The owner's way on, once there is room; and a volume that cannot grow stays as it is.
    let retry = ground.fleet.client.task_retry(failed.task_id.expect("the task")).await.expect("it can be retried");
    ground.succeeds(retry.id).await;
    let huge: Accepted<CephSpec> = ground.fleet.change(failed.id, json!({ "gb": 5000 })).await;
    let error = ground.ended(huge.task_id).await.error.expect("it says why");
    assert_eq!(error.code, "ceph_updaterunning_2201", "{error:?}");
    let info = rbd(&["info", "--format", "json", &names::in_pool("full", &names::volume(failed.id))]);
    assert!(info.contains(&format!("\"size\":{GB}")), "{info}");
    ground.scrub::<CephSpec>(failed.id).await;
    ground.end().await;
}

#[tokio::test]
async fn real_ceph_a_vms_disks_are_clones_and_images_of_a_pool_and_grow_under_it() {
    let ground = ground("disks", 0).await;
    let disk = |name: &str, gb, primary| Disk { name: name.into(), gb, primary, pool: Some("disks".into()) };
    let wish = VmSpec { ram_mb: 192, disks: vec![disk("root", 1, true)], ..fleet::vm(&ground.image) };
    let vm = ground.built("pooled", wish.clone()).await;
    let says = async |what: String| ground.machine.says(vm, &what, 1).await;
    says("drover-guest ready".into()).await;
    says(format!("disk=vda {GB}")).await;
    let root = names::in_pool("disks", &names::disk_image(vm, "root"));
    let info = rbd(&["info", "--format", "json", &root]);
    assert!(info.contains("\"image\":\"drover-image-") && info.contains("\"snapshot\":\"base\""), "{info}");

    ground.change::<VmSpec>(vm, json!({ "disks": [disk("root", 2, true), disk("data", 1, false)] })).await;
    says(format!("disk=vda {}", 2 * GB)).await;
    says(format!("disk=vdc {GB}")).await;
    ground.change::<VmSpec>(vm, json!({ "disks": [disk("root", 2, true)] })).await;
    assert!(!rbd(&["ls", "disks"]).contains(&names::disk_image(vm, "data")));

    ground.ask::<VmSpec>(vm, State::Quiesce).await;
    ground.change::<VmSpec>(vm, json!({ "disks": [disk("root", 3, true), disk("log", 1, false)] })).await;
    ground.ask::<VmSpec>(vm, State::Restart).await;
    says(format!("disk=vda {}", 3 * GB)).await;
    // Another of the same image finds what the first has imported.
    let other = ground.built("another", wish).await;
    ground.scrub::<VmSpec>(other).await;
    ground.scrub::<VmSpec>(vm).await;
    ground.end().await;
}
