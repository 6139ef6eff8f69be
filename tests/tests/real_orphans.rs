//! Orphans on real libvirt, on real bridges, in real namespaces and on a real cluster: planted, found, set aside, put back, removed.

use crate::planted::{Garden, Key, done, keys, nobody, orphans, survey};
use iaas::tenant::{Accepted, AskErrand};
use model::errand::{Orphan, Sort};
use model::image::Image;
use model::server::ServerSpec;
use model::vm::VmSpec;
use model::{ImageId, ResourceId, SegmentId, ServerType, State, names};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use testkit::fleet::{server, vm};
use testkit::real::{self, rbd, run};
use testkit::{Fleet, eventually};

async fn ground(spec: ServerSpec) -> (Fleet, Garden) {
    let garden = Garden { host: Arc::new(hosts::local::Local::new("by-hand")), settings: spec.settings.clone() };
    let mut fleet = Fleet::setup().host(spec, None).lease_secs(15).start().await;
    fleet.work();
    (fleet, garden)
}

/// What the first survey finds: the machine's own, of nobody's business here.
async fn found(fleet: &Fleet, planted: &BTreeSet<Key>) -> Vec<Orphan> {
    survey(fleet).await;
    let mut all = orphans(fleet).await;
    // Others test on this machine at the same time.
    all.retain(|orphan| {
        orphan.found.name.contains("9") && planted.contains(&(orphan.found.sort, orphan.found.name.clone()))
    });
    assert_eq!(keys(&all), *planted);
    all
}

async fn come_and_go(fleet: &Fleet, planted: &BTreeSet<Key>, is_aside: impl Fn(), is_back: impl Fn()) {
    let all = found(fleet, planted).await;
    done(fleet, all.iter().map(|orphan| AskErrand::Quarantine { orphan: orphan.id })).await;
    is_aside();
    assert!(found(fleet, planted).await.iter().all(|orphan| orphan.found.aside));
    done(fleet, all.iter().map(|orphan| AskErrand::Restore { orphan: orphan.id })).await;
    is_back();
    assert!(found(fleet, planted).await.iter().all(|orphan| !orphan.found.aside));
    done(fleet, all.iter().map(|orphan| AskErrand::Purge { orphan: orphan.id, now: true })).await;
    survey(fleet).await;
    let left = keys(&orphans(fleet).await);
    assert!(left.is_disjoint(planted), "{left:?}");
}

#[tokio::test]
async fn on_a_kvm_host() {
    let storage = real::storage();
    let (fleet, garden) = ground(real::kvm(&storage)).await;
    let mut planted = BTreeSet::new();
    for number in 0..3 {
        let vm = nobody(number);
        planted.insert(garden.domain(vm, number == 0).await);
        planted.insert(garden.file(Sort::Disk, vm, "root.qcow2").await);
        planted.insert(garden.file(Sort::Seed, vm, "seed.img").await);
        planted.insert(garden.bridge(SegmentId(99_000 + number)).await);
        planted.insert(garden.backup(vm, nobody(200 + number)).await);
    }
    let disk = names::disk(&garden.settings.storage, nobody(0), "root");
    let uri = real::libvirt_uri();
    let virsh = |verb: &str| run("virsh", &["-q", "-c", &uri, verb, &names::domain(nobody(0))]);
    let bridge = || run("ip", &["link", "show", "dev", &names::bridge(SegmentId(99_000), "lost")]);
    assert_eq!(virsh("domstate").trim(), "running");
    let is_aside = || {
        assert_eq!(virsh("domstate").trim(), "shut off");
        assert!(virsh("dominfo").contains("Autostart:      disable"));
        assert!(!Path::new(&disk).exists() && !bridge().contains("UP"));
    };
    let is_back = || {
        assert_eq!(virsh("domstate").trim(), "shut off", "nothing is started");
        assert!(virsh("dominfo").contains("Autostart:      enable"));
        assert!(Path::new(&disk).exists() && bridge().contains("UP"));
    };
    come_and_go(&fleet, &planted, is_aside, is_back).await;
    let names = run("virsh", &["-q", "-c", &uri, "list", "--all", "--name"]);
    assert!(!names.contains("drover-900"), "{names}");
    let files = run("find", &[&garden.settings.storage, "-type", "f", "-not", "-path", "*/fences/*"]);
    assert_eq!(files, "", "files were left");
    fleet.stop().await;
}

#[tokio::test]
async fn on_a_router_node() {
    let storage = real::storage();
    let mut node = server("router-1", ServerType::Router);
    node.settings.storage = storage.path().display().to_string();
    let (fleet, garden) = ground(node).await;
    let routers: Vec<ResourceId> = (300..303).map(nobody).collect();
    let mut planted = BTreeSet::new();
    for router in &routers {
        planted.insert(garden.namespace(*router).await);
    }
    let port = || run("ip", &["link", "show", "dev", &names::uplink_port(routers[0])]);
    let unit = names::router_unit_file(routers[0]);
    let is_aside = || assert!(!port().contains(",UP") && !Path::new(&unit).exists());
    let is_back = || assert!(port().contains(",UP") && Path::new(&unit).exists());
    come_and_go(&fleet, &planted, is_aside, is_back).await;
    let left = run("ip", &["netns", "list"]);
    assert!(!left.contains("drover-r930"), "{left}");
    assert!(
        !Path::new(&unit).exists() && !Path::new(&names::router_folder(&garden.settings.storage, routers[0])).exists()
    );
    fleet.stop().await;
}

/// Of a guest that runs, with a disk whose changes are recorded from then on.
#[tokio::test]
async fn real_kvm_a_checkpoint_of_nobody_goes_with_its_bitmap() {
    let storage = real::storage();
    let (fleet, garden) = ground(real::kvm(&storage)).await;
    let image: Image = fleet.client.record_create("images", &real::tiny()).await.expect("an image");
    let vm: Accepted<VmSpec> = fleet.create("web-1", VmSpec { ram_mb: 192, ..vm(&image) }).await;
    let vm = vm.resource.id;
    eventually(crate::machine::LIMIT, "the VM runs", async || {
        let found = fleet.client.read::<VmSpec>(vm).await.map_err(|failure| failure.to_string())?;
        if found.state == State::Running { Ok(()) } else { Err(format!("{} {:?}", found.state, found.error)) }
    })
    .await;
    let planted = BTreeSet::from([garden.checkpoint(vm, nobody(400)).await]);
    let uri = real::libvirt_uri();
    let checkpoints = || run("virsh", &["-q", "-c", &uri, "checkpoint-list", "--name", &names::domain(vm)]);
    // It goes on recording meanwhile: what was not recorded could not be put back.
    let is_there = || assert!(checkpoints().contains("drover-9400"));
    come_and_go(&fleet, &planted, is_there, is_there).await;
    assert_eq!(checkpoints().trim(), "");
    let disk = names::disk(&garden.settings.storage, vm, "root");
    assert!(!run("qemu-img", &["info", "-U", "--output=json", &disk]).contains("bitmaps"));
    let scrubbed: Accepted<VmSpec> = fleet.ask(vm, State::Scrub).await;
    eventually(crate::machine::LIMIT, "the VM is closed", async || {
        let found = fleet.client.read::<VmSpec>(vm).await.map_err(|failure| failure.to_string())?;
        if found.state == State::Closed { Ok(()) } else { Err(format!("{scrubbed:?} {}", found.state)) }
    })
    .await;
    fleet.stop().await;
}

#[tokio::test]
async fn real_ceph_images_of_nobody_come_and_go() {
    let storage = real::storage();
    let mut cluster = real::ceph(&storage);
    cluster.settings.ceph.trash_hours = 0;
    let (fleet, garden) = ground(cluster).await;
    let mut planted = BTreeSet::new();
    for number in 500..503 {
        planted.insert(garden.image("orphans", nobody(number), number > 500).await);
    }
    // Of another maker, whatever it is called.
    let other = names::in_pool("orphans", &names::volume(nobody(509)));
    rbd(&["create", "--size", "1G", &other]);
    let listed = || rbd(&["ls", "orphans"]);
    let whole = names::volume(nobody(502));
    let is_aside = || assert!(listed().lines().any(|image| image == format!("{whole}.aside")), "{}", listed());
    let is_back = || assert!(listed().lines().any(|image| image == whole), "{}", listed());
    come_and_go(&fleet, &planted, is_aside, is_back).await;
    assert_eq!(listed().trim(), names::volume(nobody(509)));

    // A copy of an image that has no record any more goes when no disk stands on it.
    let copy = names::in_pool("orphans", &names::pool_image(ImageId(9000), &"ab".repeat(32)));
    let (clonable, clone) = (names::clonable(&copy), names::in_pool("orphans", "stands-on-it"));
    rbd(&["create", "--size", "1G", &copy]);
    rbd(&["image-meta", "set", &copy, "drover.image", "9000"]);
    rbd(&["snap", "create", "--no-progress", &clonable]);
    rbd(&["snap", "protect", &clonable]);
    rbd(&["clone", &clonable, &clone]);
    let planted = BTreeSet::from([(Sort::Image, copy)]);
    let all = found(&fleet, &planted).await;
    assert_eq!(all[0].found.detail, "copy of image 9000");
    let purge = || AskErrand::Purge { orphan: all[0].id, now: true };
    let refused = crate::planted::ended(&fleet, [purge()]).await.pop().and_then(|errand| errand.error);
    assert!(refused.is_some_and(|error| error.text.contains("clones")));
    rbd(&["rm", "--no-progress", &clone]);
    found(&fleet, &planted).await;
    done(&fleet, [purge()]).await;
    assert_eq!(listed().trim(), names::volume(nobody(509)));
    rbd(&["rm", "--no-progress", &other]);
    fleet.stop().await;
}
