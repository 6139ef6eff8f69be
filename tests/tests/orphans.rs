//! Things on hosts without a record: planted by hand among living ones, found, set aside, put back, removed.

use crate::planted::{self, Garden, Key, done, ended, key, keys, nobody, orphans, survey};
use crate::rig::{Ground, vm_kvm_rig};
use iaas::tenant::AskErrand;
use model::backup::{BackupSpec, Repository};
use model::errand::{ErrandStatus, Orphan, Sort};
use model::server::HostSettings;
use model::vm::VmSpec;
use model::{Kind, ResourceId, SegmentId, State};
use std::collections::BTreeSet;
use testkit::Fleet;

struct World {
    ground: Ground,
    fleet: Fleet,
    garden: Garden,
    vm: ResourceId,
}

/// Two VMs that run, one of them with a backup, and one that was scrubbed.
async fn world() -> (World, ResourceId) {
    let ground = Ground::of(Kind::VmKvm);
    let mut fleet = ground.fleet().await;
    fleet.work();
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
    let garden = Garden { host: ground.host.clone(), settings: HostSettings::default() };
    let (vm, gone) = (vms[0], vms[2]);
    (World { ground, fleet, garden, vm }, gone)
}

/// Five of each sort that a KVM host has.
async fn plant(world: &World, gone: ResourceId) -> BTreeSet<Key> {
    let garden = &world.garden;
    let mut planted = BTreeSet::new();
    for number in 0..5 {
        // Some of a VM that was, the others of none that ever was.
        let vm = if number == 0 { gone } else { nobody(number) };
        planted.insert(garden.domain(vm, number < 2).await);
        planted.insert(garden.file(Sort::Disk, vm, "root.qcow2").await);
        planted.insert(garden.file(Sort::Seed, vm, "seed.img").await);
        planted.insert(garden.bridge(SegmentId(900 + number)).await);
        planted.insert(garden.checkpoint(world.vm, nobody(100 + number)).await);
        planted.insert(garden.backup(world.vm, nobody(200 + number)).await);
    }
    planted
}

fn quarantine(orphans: &[Orphan]) -> Vec<AskErrand> {
    orphans.iter().map(|orphan| AskErrand::Quarantine { orphan: orphan.id }).collect()
}

#[tokio::test]
async fn all_that_was_planted_is_found_and_nothing_else_and_all_of_it_can_go_and_come_back() {
    let (world, gone) = world().await;
    let World { fleet, garden, ground, .. } = &world;
    survey(fleet).await;
    assert_eq!(orphans(fleet).await, [], "before anything was planted");
    garden.others().await;
    let before = (ground.words)();
    let planted = plant(&world, gone).await;
    let with_orphans = (ground.words)();
    survey(fleet).await;
    let found = orphans(fleet).await;
    assert_eq!(keys(&found), planted, "found on the left, planted on the right");
    assert_eq!(found.len(), planted.len());
    survey(fleet).await;
    let again: Vec<_> = orphans(fleet).await.iter().map(|orphan| orphan.id).collect();
    assert_eq!(again, found.iter().map(|orphan| orphan.id).collect::<Vec<_>>(), "an orphan keeps its number");

    done(fleet, quarantine(&found)).await;
    let aside = (ground.words)();
    assert_eq!(aside["drover-9001/power"], "off", "what ran is off");
    assert_eq!(aside["drover-9001/autostart"], "false");
    survey(fleet).await;
    let found = orphans(fleet).await;
    assert_eq!(keys(&found), planted, "what is in quarantine is found there");
    assert!(found.iter().all(|orphan| orphan.found.aside && orphan.set_aside_at.is_some()), "{found:#?}");

    // One of each sort comes back.
    let mut back = Vec::new();
    for sort in Sort::ALL {
        back.extend(found.iter().filter(|orphan| orphan.found.sort == *sort).nth(1).cloned());
    }
    done(fleet, back.iter().map(|orphan| AskErrand::Restore { orphan: orphan.id })).await;
    let restored = (ground.words)();
    let mine = |key: &Key| match key.0 {
        Sort::Disk | Sort::Seed => format!("/var/lib/drover/vms/{}", key.1),
        Sort::Bridge => format!("bridge {}", key.1),
        Sort::Backup => format!("/var/lib/drover/backups/{}", key.1.trim_start_matches("primary/")),
        _ => key.1.clone(),
    };
    for orphan in back.iter().filter(|orphan| orphan.found.sort != Sort::Checkpoint) {
        let own = mine(&key(&orphan.found));
        let of = |words: &std::collections::BTreeMap<String, String>| {
            let is = |word: &str| word == own || word.starts_with(&format!("{own}/"));
            let off = |(word, what): (&String, &String)| (!word.ends_with("/live") && !word.ends_with("/power")).then(|| (word.clone(), what.clone()));
            words.iter().filter(|(word, _)| is(word)).filter_map(off).collect::<Vec<_>>()
        };
        assert_eq!(of(&restored), of(&with_orphans), "{own} is as it was, and not started");
        assert!(!of(&restored).is_empty(), "{own} is there");
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
    let mut left = (ground.words)();
    // The folders of the quarantine themselves stay.
    left.retain(|word, what| !(word.contains("/quarantine") && what == "empty folder"));
    assert_eq!(left, before, "left on the left, as it was before on the right");
    garden.remove_others().await;
    world.fleet.stop().await;
}

#[tokio::test]
async fn what_has_come_to_be_needed_is_left_alone() {
    let (world, _) = world().await;
    let World { fleet, garden, .. } = &world;
    // The next segment of the project is not given out yet.
    let (_, bridge) = garden.bridge(SegmentId(2)).await;
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
    let World { fleet, garden, .. } = &world;
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
    let garden = Garden { host: ground.host.clone(), settings: HostSettings::default() };
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
    let late = iaas::fleet::SettleErrand { attempt: 1, outcome: iaas::fleet::ErrandOutcome::Surveyed { found: vec![] } };
    let refused = fleet.worker_client().errand_settle(ask.id, &late).await.unwrap_err().to_string();
    assert!(refused.contains("superseded"), "{refused}");
    assert_eq!(orphans(&fleet).await.len(), 1);
    fleet.stop().await;
}
