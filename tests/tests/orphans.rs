//! Things on hosts without a record: planted by hand among living ones, found, set aside, put back, removed.

use crate::planted::{self, Garden, Key, done, ended, keys, nobody, orphans, survey};
use crate::rig::{Ground, ceph_alone_rig, virtual_router_rig, vm_kvm_rig};
use hosts::Host;
use iaas::tenant::AskErrand;
use model::backup::{BackupSpec, Repository};
use model::ceph::CephSpec;
use model::errand::{ErrandStatus, Orphan, Sort};
use model::server::HostSettings;
use model::virtual_router::VirtualRouterSpec;
use model::vm::VmSpec;
use model::{Kind, ResourceId, SegmentId, ServerType, State};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use testkit::fakes::router::Router;
use testkit::fleet::server;
use testkit::{Fleet, eventually};

struct World {
    fleet: Fleet,
    kvm: Garden,
    router: Garden,
    ceph: Garden,
    words: Box<dyn Fn() -> Words>,
    vm: ResourceId,
}

type Words = BTreeMap<String, String>;

fn garden(host: Arc<dyn Host>) -> Garden {
    Garden { host, settings: HostSettings::default() }
}

/// A KVM host, a router node and a cluster; a router, a volume, two VMs that run, one of them with a backup, and one that
/// was scrubbed.
async fn world() -> (World, ResourceId) {
    let ground = Ground::of(Kind::Ceph);
    let cluster = ground.cluster.clone().expect("a cluster");
    let node = Arc::new(Router::new("router-1"));
    let mut fleet = Fleet::setup()
        .image(ground.image.clone())
        .host(server("host-1", ServerType::Kvm), Some(ground.host.clone()))
        .host(server("ceph-1", ServerType::Ceph), Some(cluster.clone()))
        .host(server("router-1", ServerType::Router), Some(node.clone()))
        .start()
        .await;
    fleet.work();
    let router = fleet.create("router", (virtual_router_rig().wish)(&fleet, None)).await.resource.id;
    fleet.reaches::<VirtualRouterSpec>(router, State::Running).await;
    let volume = fleet.create("volume", (ceph_alone_rig().wish)(&fleet, None)).await.resource.id;
    fleet.reaches::<CephSpec>(volume, State::Running).await;
    let mut vms = Vec::new();
    for name in ["web-1", "web-2", "gone"] {
        let id = fleet.create(name, (vm_kvm_rig().wish)(&fleet, None)).await.resource.id;
        fleet.reaches::<VmSpec>(id, State::Running).await;
        vms.push(id);
    }
    let wish = BackupSpec { vm: vms[0], repository: Repository::Primary, valid_hours: 24 };
    let backup = fleet.create("backup", wish).await.resource.id;
    fleet.reaches::<BackupSpec>(backup, State::Running).await;
    fleet.ask::<VmSpec>(vms[2], State::Scrub).await;
    fleet.reaches::<VmSpec>(vms[2], State::Closed).await;
    let at_rest = async || match fleet.client.read::<VirtualRouterSpec>(router).await {
        Ok(router) if router.state == State::Running => Ok(()),
        other => Err(format!("{other:?}")),
    };
    eventually(planted::PATIENCE, "the router has heard of all VMs", at_rest).await;
    let (kvm, router, ceph) = (garden(ground.host.clone()), garden(node.clone()), garden(cluster));
    let words = Box::new(move || {
        let on_node = node.words().into_iter().map(|(key, word)| (format!("router {key}"), word));
        (ground.words)().into_iter().chain(on_node).collect()
    });
    let (vm, gone) = (vms[0], vms[2]);
    (World { fleet, kvm, router, ceph, words, vm }, gone)
}

/// Forty: five of each sort.
async fn plant(world: &World, gone: ResourceId) -> BTreeSet<Key> {
    let World { kvm, router, ceph, .. } = world;
    let mut planted = BTreeSet::new();
    for number in 0..5 {
        // Some of a VM that was, the others of none that ever was.
        let vm = if number == 0 { gone } else { nobody(number) };
        planted.insert(kvm.domain(vm, number < 2).await);
        planted.insert(kvm.file(Sort::Disk, vm, "root.qcow2").await);
        planted.insert(kvm.file(Sort::Seed, vm, "seed.img").await);
        let bridges = if number < 3 { kvm } else { router };
        planted.insert(bridges.bridge(SegmentId(900 + number)).await);
        planted.insert(kvm.checkpoint(world.vm, nobody(100 + number)).await);
        planted.insert(kvm.backup(world.vm, nobody(200 + number)).await);
        planted.insert(router.namespace(nobody(300 + number)).await);
        planted.insert(ceph.image("volumes", nobody(400 + number), number < 4).await);
    }
    planted
}

/// Where the words of an orphan begin; a checkpoint has none.
fn words_of(orphan: &Orphan) -> String {
    let name = &orphan.found.name;
    let node = if orphan.host == "router-1" { "router " } else { "" };
    match orphan.found.sort {
        Sort::Domain | Sort::Checkpoint => name.clone(),
        Sort::Disk | Sort::Seed => format!("/var/lib/drover/vms/{name}"),
        Sort::Bridge => format!("{node}bridge {name}"),
        Sort::Namespace => format!("{node}{name}"),
        Sort::Image => format!("image {name}"),
        Sort::Backup => format!("/var/lib/drover/backups/{}", name.trim_start_matches("primary/")),
    }
}

/// But for a guest's power: what is put back is not started.
fn own_words(words: &Words, orphan: &Orphan) -> Words {
    let own = words_of(orphan);
    let is = |word: &str| word == own || word.starts_with(&format!("{own}/"));
    let is_power = |word: &str| word.ends_with("/live") || word.ends_with("/power");
    words
        .iter()
        .filter(|(word, _)| is(word) && !is_power(word))
        .map(|(word, what)| (word.clone(), what.clone()))
        .collect()
}

fn quarantine(orphans: &[Orphan]) -> Vec<AskErrand> {
    orphans.iter().map(|orphan| AskErrand::Quarantine { orphan: orphan.id }).collect()
}

#[tokio::test]
async fn all_that_was_planted_is_found_and_nothing_else_and_all_of_it_can_go_and_come_back() {
    let (world, gone) = world().await;
    let World { fleet, kvm, words, .. } = &world;
    survey(fleet).await;
    assert_eq!(orphans(fleet).await, [], "before anything was planted");
    kvm.others().await;
    let before = words();
    let planted = plant(&world, gone).await;
    assert_eq!(planted.len(), 40);
    let with_orphans = words();
    survey(fleet).await;
    let found = orphans(fleet).await;
    assert_eq!(keys(&found), planted, "found on the left, planted on the right");
    assert_eq!(found.len(), planted.len());
    survey(fleet).await;
    let again: Vec<_> = orphans(fleet).await.iter().map(|orphan| orphan.id).collect();
    assert_eq!(again, found.iter().map(|orphan| orphan.id).collect::<Vec<_>>(), "an orphan keeps its number");

    done(fleet, quarantine(&found)).await;
    let aside = words();
    assert_eq!(aside["drover-9001/power"], "off", "what ran is off");
    assert_eq!(aside["drover-9001/autostart"], "false");
    survey(fleet).await;
    let found = orphans(fleet).await;
    assert_eq!(keys(&found), planted, "what is in quarantine is found there");
    assert!(found.iter().all(|orphan| orphan.found.aside && orphan.set_aside_at.is_some()), "{found:#?}");

    // Five come back, and three more of the other sorts, so that each sort does.
    let of_sort = |sort: &Sort| found.iter().filter(|orphan| orphan.found.sort == *sort).nth(1).cloned();
    let back: Vec<Orphan> = Sort::ALL.iter().filter_map(of_sort).collect();
    done(fleet, back.iter().map(|orphan| AskErrand::Restore { orphan: orphan.id })).await;
    let restored = words();
    for orphan in back.iter().filter(|orphan| orphan.found.sort != Sort::Checkpoint) {
        let own = own_words(&restored, orphan);
        assert_eq!(own, own_words(&with_orphans, orphan), "{} is as it was", orphan.found);
        assert!(!own.is_empty(), "{} is there", orphan.found);
    }
    survey(fleet).await;
    let found = orphans(fleet).await;
    assert_eq!(found.iter().filter(|orphan| !orphan.found.aside).count(), back.len());

    // What is in its place is not purged, unless it is said to be.
    let (aside, in_place): (Vec<Orphan>, Vec<Orphan>) = found.into_iter().partition(|orphan| orphan.found.aside);
    let refused = fleet.client.errand_ask(&AskErrand::Purge { orphan: in_place[0].id, now: false }).await;
    assert!(refused.unwrap_err().to_string().contains("not in quarantine"));
    done(fleet, aside.iter().map(|orphan| AskErrand::Purge { orphan: orphan.id, now: false })).await;
    assert_eq!(keys(&orphans(fleet).await), keys(&in_place));
    done(fleet, in_place.iter().map(|orphan| AskErrand::Purge { orphan: orphan.id, now: true })).await;
    survey(fleet).await;
    assert_eq!(orphans(fleet).await, []);
    let mut left = words();
    // The folders of the quarantine themselves stay.
    left.retain(|word, what| !(word.contains("/quarantine") && what == "empty folder"));
    assert_eq!(left, before, "left on the left, as it was before on the right");
    kvm.remove_others().await;
    world.fleet.stop().await;
}

#[tokio::test]
async fn what_has_come_to_be_needed_is_left_alone() {
    let (world, _) = world().await;
    let World { fleet, kvm: garden, .. } = &world;
    // The router's are 1 and 2: the next one is not given out yet.
    let (_, bridge) = garden.bridge(SegmentId(3)).await;
    survey(fleet).await;
    let found = orphans(fleet).await;
    assert_eq!(found.iter().map(|orphan| orphan.found.name.as_str()).collect::<Vec<_>>(), [bridge]);
    let mut wish = (vm_kvm_rig().wish)(fleet, None);
    wish.nics[0].segment = "store".into();
    let id = fleet.create("late", wish).await.resource.id;
    fleet.reaches::<VmSpec>(id, State::Running).await;
    let refused = fleet.client.errand_ask(&AskErrand::Quarantine { orphan: found[0].id }).await;
    assert!(refused.unwrap_err().to_string().contains(&format!("belongs to resource {id}")));
    survey(fleet).await;
    assert_eq!(orphans(fleet).await, []);
    world.fleet.stop().await;
}

#[tokio::test]
async fn what_somebody_removed_is_gone_and_what_somebody_changed_is_left_alone() {
    let (world, _) = world().await;
    let World { fleet, kvm: garden, .. } = &world;
    let (_, first) = garden.domain(nobody(1), false).await;
    let (_, second) = garden.domain(nobody(2), false).await;
    survey(fleet).await;
    let found = orphans(fleet).await;
    let uri = &garden.settings.libvirt_uri;
    garden.run(commands::virsh::undefine(uri, &first)).await;
    garden.run(commands::virsh::undefine(uri, &second)).await;
    garden.run(commands::virsh::define(uri, &Garden::xml(&second, None))).await;
    let errands = ended(fleet, quarantine(&found)).await;
    let codes: Vec<_> = errands.iter().map(|errand| errand.error.as_ref().map(|error| error.code.as_str())).collect();
    assert_eq!(codes, [Some("errand_quarantine_2200"), Some("errand_quarantine_2201")]);
    survey(fleet).await;
    assert_eq!(orphans(fleet).await, []);
    world.fleet.stop().await;
}

#[tokio::test]
async fn an_errand_whose_worker_was_killed_is_taken_again_and_ends() {
    let ground = Ground::of(Kind::VmKvm);
    let mut fleet = ground.fleet().await;
    let garden = garden(ground.host.clone());
    let planted = garden.domain(nobody(1), true).await;
    // Takes the survey, and is gone before it has done anything.
    let ask = fleet.client.errand_ask(&AskErrand::Survey { host: "host-1".into() }).await.expect("a survey");
    let take = iaas::fleet::TakeErrands { worker: "lost".into(), hosts: vec!["host-1".into()] };
    let taken = fleet.worker_client().errands_take(&take).await.expect("it is taken").items;
    assert_eq!((taken[0].errand.id, taken[0].errand.attempts), (ask.id, 1));
    fleet.work();
    survey(&fleet).await;
    let found = orphans(&fleet).await;
    assert_eq!(keys(&found), BTreeSet::from([planted]));
    let again = fleet.client.errand(ask.id, planted::PATIENCE).await.expect("the errand");
    assert_eq!((again.status, again.attempts), (ErrandStatus::Succeeded, 2), "{again:?}");
    // What the lost one says late is refused.
    let late =
        iaas::fleet::SettleErrand { attempt: 1, outcome: iaas::fleet::ErrandOutcome::Surveyed { found: vec![] } };
    let refused = fleet.worker_client().errand_settle(ask.id, &late).await.unwrap_err().to_string();
    assert!(refused.contains("superseded"), "{refused}");
    assert_eq!(orphans(&fleet).await.len(), 1);
    fleet.stop().await;
}
