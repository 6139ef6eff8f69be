//! Errands from the ask to the end, and which of the things that a survey found are orphans.

use super::world::{Fleet, World, code, error, operator, worker};
use errors::iaas as codes;
use iaas::fleet::{ErrandOutcome, RenewErrand, SettleErrand, TakeErrands};
use iaas::tenant::{AskErrand, Create, ErrandFilter, OrphanFilter};
use model::errand::{Errand, ErrandStatus, Found, Orphan, Sort, Taken};
use model::server::{Server, WorkerReport};
use model::vm::VmSpec;
use model::{ErrandId, ResourceId, ServerType, State};
use serde_json::json;
use std::time::Duration;

crate::tests::suite! {
    an_errand_is_taken_once_and_settled_once,
    an_errand_of_a_lost_worker_is_taken_again_and_fails_when_it_is_lost_too_often,
    an_errand_that_nobody_takes_fails_when_it_is_too_late,
    a_living_worker_is_asked_for_a_survey_when_it_is_time,
    what_has_no_record_is_an_orphan_until_it_is_gone,
    a_copy_in_a_pool_belongs_to_its_image,
    a_record_owns_what_is_its_whatever_its_state,
    what_has_moved_since_the_survey_was_taken_up_is_not_judged,
    a_bridge_belongs_to_whoever_is_or_was_just_plugged_into_it,
    what_an_errand_acts_on_is_not_judged_by_a_survey_that_crosses_it,
    only_what_is_in_quarantine_is_restored_or_purged,
    a_server_takes_its_orphans_and_errands_along,
}

impl World {
    async fn survey_host(&self) -> Server {
        self.server("kvm-1", ServerType::Kvm, (100, 102_400, 1000)).await
    }

    async fn ask_errand(&self, ask: AskErrand) -> Errand {
        self.store.errand_ask(ask, &operator()).await.expect("it may be asked")
    }

    async fn take(&self) -> Vec<Taken> {
        let take = TakeErrands { worker: "w1".into(), hosts: vec!["kvm-1".into(), "kvm-2".into()] };
        self.store.errands_take(take, &worker()).await.expect("what there is")
    }

    async fn end(&self, taken: &Taken, outcome: ErrandOutcome) {
        let settle = SettleErrand { attempt: taken.errand.attempts, outcome };
        self.store.errand_settle(taken.errand.id, settle, &worker()).await.expect("it is settled");
    }

    async fn errand(&self, id: ErrandId) -> Errand {
        self.store.errand_read(id).await.expect("an errand")
    }

    /// A survey that finds this, from the ask to its end.
    async fn survey(&self, found: Vec<Found>) {
        self.ask_errand(AskErrand::Survey { host: "kvm-1".into() }).await;
        let taken = self.take().await;
        self.end(&taken[0], ErrandOutcome::Surveyed { found }).await;
    }

    async fn orphans(&self) -> Vec<Orphan> {
        self.store.orphan_list(&OrphanFilter::default()).await.expect("a list").items
    }

    async fn names(&self) -> Vec<String> {
        self.orphans().await.into_iter().map(|orphan| orphan.found.name).collect()
    }

    async fn vm_on(&self, fleet: &Fleet, server: &Server) -> (ResourceId, model::TaskId) {
        let wish = fleet.vm("web-1");
        let wish = Create { spec: VmSpec { server: Some(server.id), ..wish.spec }, ..wish };
        let made = self.store.resource_create::<VmSpec>(wish, &operator(), None, None).await.expect("a VM");
        (made.resource.id, made.task_id)
    }

    async fn beat(&self, host_error: Option<&str>) {
        let report = WorkerReport {
            worker: "w1".into(),
            version: "0".into(),
            drivers: Vec::new(),
            host_error: host_error.map(str::to_owned),
            devices: Vec::new(),
            warnings: Vec::new(),
            seen_at: self.now(),
        };
        self.store.worker_report("kvm-1", report, &worker()).await.expect("it is taken");
    }
}

fn survey() -> AskErrand {
    AskErrand::Survey { host: "kvm-1".into() }
}

fn domain(vm: i64) -> Found {
    Found::new(Sort::Domain, format!("drover-{vm}"), Some(ResourceId(vm)))
}

fn bridge(name: &str) -> Found {
    Found::new(Sort::Bridge, name, None)
}

async fn an_errand_is_taken_once_and_settled_once(world: World) {
    world.survey_host().await;
    world.server("phantom-1", ServerType::Phantom, (1, 1, 1)).await;
    let refused = world.store.errand_ask(AskErrand::Survey { host: "phantom-1".into() }, &operator()).await;
    assert_eq!(code(refused), codes::NOTHING_TO_SURVEY.code);
    let asked = world.ask_errand(survey()).await;
    assert_eq!(world.ask_errand(survey()).await.id, asked.id, "nobody has begun it");
    let taken = world.take().await;
    assert_eq!(taken.iter().map(|taken| taken.errand.id).collect::<Vec<_>>(), [asked.id]);
    assert_eq!(taken[0].server.spec.name, "kvm-1");
    assert!(world.take().await.is_empty());
    assert_ne!(world.ask_errand(survey()).await.id, asked.id, "the first may have looked already");
    world.end(&taken[0], ErrandOutcome::Surveyed { found: vec![domain(7)] }).await;
    world.end(&taken[0], ErrandOutcome::Failed { error: error() }).await;
    let ended = world.store.errand_settled(asked.id, Duration::ZERO).await.unwrap();
    assert_eq!((ended.status, ended.asked_by.as_str()), (ErrandStatus::Succeeded, "olga"));
    assert_eq!(ended.surveyed.map(|surveyed| (surveyed.found, surveyed.orphans)), Some((1, 1)));
    let filter = ErrandFilter { status: Some(ErrandStatus::Queued), what: Some("survey".into()), ..Default::default() };
    assert_eq!(world.store.errand_list(&filter).await.unwrap().items.len(), 1);
    // A worker of other hosts takes none of this one's.
    let other = crate::Who { hosts: vec!["kvm-2".into()], ..worker() };
    let take = TakeErrands { worker: "w2".into(), hosts: vec!["kvm-1".into()] };
    assert_eq!(code(world.store.errands_take(take, &other).await), codes::HOST_FORBIDDEN.code);
}

async fn an_errand_of_a_lost_worker_is_taken_again_and_fails_when_it_is_lost_too_often(world: World) {
    world.survey_host().await;
    let asked = world.ask_errand(survey()).await;
    for attempt in 1..=3 {
        let taken = world.take().await;
        assert_eq!(taken[0].errand.attempts, attempt);
        world.pass(10);
        world.store.errand_renew(asked.id, RenewErrand { attempt, note: None }, &worker()).await.unwrap();
        world.pass(10);
        world.store.sweep("d").await.unwrap();
        assert_eq!(world.errand(asked.id).await.status, ErrandStatus::Running, "its lease was renewed");
        world.pass(20);
        world.store.sweep("d").await.unwrap();
        let late = world.store.errand_renew(asked.id, RenewErrand { attempt, note: None }, &worker()).await;
        if attempt < 3 {
            assert_eq!(code(late), codes::ERRAND_SUPERSEDED.code);
            assert_eq!(world.errand(asked.id).await.status, ErrandStatus::Queued);
        }
    }
    let ended = world.errand(asked.id).await;
    assert_eq!(ended.error.map(|error| error.code).as_deref(), Some(codes::ERRAND_LOST.code));
}

async fn an_errand_that_nobody_takes_fails_when_it_is_too_late(world: World) {
    world.survey_host().await;
    let asked = world.ask_errand(survey()).await;
    world.pass(3601);
    world.store.sweep("d").await.unwrap();
    let ended = world.errand(asked.id).await;
    assert_eq!(ended.error.map(|error| error.code).as_deref(), Some(codes::ERRAND_LATE.code));
    assert!(world.take().await.is_empty());
}

async fn a_living_worker_is_asked_for_a_survey_when_it_is_time(world: World) {
    let server = world.survey_host().await;
    world.beat(None).await;
    assert!(world.take().await.is_empty(), "a new server has an hour");
    world.pass(3600);
    world.beat(Some("no route")).await;
    assert!(world.take().await.is_empty(), "a host that is away");
    world.beat(None).await;
    world.beat(None).await;
    let taken = world.take().await;
    assert_eq!(taken.iter().map(|taken| taken.errand.asked_by.as_str()).collect::<Vec<_>>(), ["schedule"]);
    world.end(&taken[0], ErrandOutcome::Surveyed { found: Vec::new() }).await;
    world.pass(1800);
    world.survey(Vec::new()).await;
    world.pass(1801);
    world.beat(None).await;
    assert!(world.take().await.is_empty(), "somebody else has asked for one");
    world.pass(1800);
    world.store.server_change(server.id, server.version, &json!({"enabled": false})).await.unwrap();
    world.beat(None).await;
    assert!(world.take().await.is_empty(), "a server that is disabled");
}

async fn what_has_no_record_is_an_orphan_until_it_is_gone(world: World) {
    world.survey_host().await;
    world.survey(vec![domain(901), domain(902)]).await;
    let first = world.orphans().await;
    assert_eq!(first.iter().map(|orphan| orphan.found.name.as_str()).collect::<Vec<_>>(), ["drover-901", "drover-902"]);
    world.pass(60);
    world.survey(vec![domain(902), bridge("br-77-lost")]).await;
    let second = world.orphans().await;
    assert_eq!(
        second.iter().map(|orphan| orphan.found.name.as_str()).collect::<Vec<_>>(),
        ["drover-902", "br-77-lost"]
    );
    assert_eq!((second[0].id, second[0].first_seen), (first[1].id, first[1].first_seen));
    assert!(second[0].last_seen > first[1].last_seen);
    let counts = world.store.orphans_by_sort().await.unwrap();
    assert_eq!((counts[&Sort::Domain], counts[&Sort::Bridge], counts[&Sort::Image]), (1, 1, 0));
    let filter = OrphanFilter { host: Some("kvm-1".into()), sort: Some(Sort::Bridge), ..Default::default() };
    assert_eq!(world.store.orphan_list(&filter).await.unwrap().items.len(), 1);
    // A survey that failed says nothing.
    world.ask_errand(survey()).await;
    let taken = world.take().await;
    world.end(&taken[0], ErrandOutcome::Failed { error: error() }).await;
    assert_eq!(world.orphans().await, second);
}

async fn a_copy_in_a_pool_belongs_to_its_image(world: World) {
    world.survey_host().await;
    let image = world.image().await;
    let copy = || Found::new(Sort::Image, format!("volumes/drover-image-{}-0123456789abcdef", image.id), None);
    world.survey(vec![copy()]).await;
    assert!(world.names().await.is_empty());
    world.store.image_delete(image.id).await.unwrap();
    world.survey(vec![copy()]).await;
    assert_eq!(world.names().await, [copy().name]);
}

async fn a_record_owns_what_is_its_whatever_its_state(world: World) {
    let (fleet, kvm) = (world.fleet().await, world.survey_host().await);
    let (vm, build) = world.vm_on(&fleet, &kvm).await;
    let mine = || vec![domain(vm.0), Found::new(Sort::Disk, format!("{vm}/root.qcow2"), Some(vm))];
    world.survey(mine()).await;
    assert!(world.names().await.is_empty(), "requested");
    let fence = world.claim(build).await.unwrap().fence;
    let failed = iaas::fleet::Outcome::Failed { error: error() };
    world.settle(build, fence, failed).await.unwrap();
    assert_eq!(world.state(vm).await, State::Unresourced);
    world.survey(mine()).await;
    assert!(world.names().await.is_empty(), "unresourced");
    // A VM of another server has nothing here; its backups may be.
    let (elsewhere, other) = world.vm_on(&fleet, &fleet.server).await;
    world.carry_out(other).await;
    let backup = Found::new(Sort::Backup, format!("primary/{elsewhere}/9"), Some(elsewhere));
    world.survey([mine(), vec![domain(elsewhere.0), backup]].concat()).await;
    assert_eq!(world.names().await, [format!("drover-{elsewhere}")]);
    // What others stand on is needed.
    let mut base = Found::new(Sort::Backup, "primary/1/900", Some(ResourceId(900)));
    base.users = vec![elsewhere];
    world.survey([mine(), vec![base]].concat()).await;
    assert!(world.names().await.is_empty());
}

async fn what_has_moved_since_the_survey_was_taken_up_is_not_judged(world: World) {
    let (fleet, kvm) = (world.fleet().await, world.survey_host().await);
    let (vm, build) = world.vm_on(&fleet, &kvm).await;
    world.carry_out(build).await;
    let prep = world.ask(vm, State::Scrub).await.unwrap();
    world.carry_out(prep).await;
    world.pass(168 * 3600 + 1);
    world.store.sweep("d").await.unwrap();
    let scrub = world.store.resource_read::<VmSpec>(vm, &operator()).await.unwrap().task_id.unwrap();
    world.ask_errand(survey()).await;
    let taken = world.take().await;
    // The survey sees the domain, then it is scrubbed, then the survey tells.
    world.carry_out(scrub).await;
    assert_eq!(world.state(vm).await, State::Closed);
    world.end(&taken[0], ErrandOutcome::Surveyed { found: vec![domain(vm.0), bridge("br-1-web")] }).await;
    assert!(world.names().await.is_empty());
    world.survey(vec![domain(vm.0), bridge("br-1-web")]).await;
    assert_eq!(world.names().await.len(), 2, "the next one knows");
}

async fn a_bridge_belongs_to_whoever_is_or_was_just_plugged_into_it(world: World) {
    let (fleet, kvm) = (world.fleet().await, world.survey_host().await);
    let (vm, build) = world.vm_on(&fleet, &kvm).await;
    let both = || vec![bridge("br-1-web"), bridge("br-2-store")];
    world.survey(both()).await;
    assert_eq!(world.names().await, ["br-2-store"]);
    world.carry_out(build).await;
    let version = world.store.resource_read::<VmSpec>(vm, &operator()).await.unwrap().version;
    let patch = json!({"nics": [{"segment": "store"}]});
    let changed = world.store.resource_change::<VmSpec>(vm, version, patch, &operator(), None, false).await.unwrap();
    world.survey(both()).await;
    assert!(world.names().await.is_empty(), "it goes from the one to the other");
    world.carry_out(changed.task_id).await;
    world.survey(both()).await;
    assert_eq!(world.names().await, ["br-1-web"]);
    // As long as a guest is plugged into it, it is in use, whatever the wish says.
    let used = Found { users: vec![vm], ..bridge("br-1-web") };
    world.survey(vec![used]).await;
    assert!(world.names().await.is_empty());
}

async fn what_an_errand_acts_on_is_not_judged_by_a_survey_that_crosses_it(world: World) {
    world.survey_host().await;
    world.survey(vec![domain(901), domain(902)]).await;
    let orphans = world.orphans().await;
    world.ask_errand(survey()).await;
    world.ask_errand(AskErrand::Purge { orphan: orphans[0].id, now: true }).await;
    let (taken, purge) = (world.take().await, world.take().await);
    world.pass(1);
    world.end(&purge[0], ErrandOutcome::Done).await;
    assert_eq!(world.names().await, ["drover-902"]);
    // It had been seen before it was removed.
    world.end(&taken[0], ErrandOutcome::Surveyed { found: vec![domain(901), domain(902)] }).await;
    assert_eq!(world.names().await, ["drover-902"]);
}

async fn only_what_is_in_quarantine_is_restored_or_purged(world: World) {
    world.survey_host().await;
    world.survey(vec![domain(901)]).await;
    let orphan = world.orphans().await[0].id;
    let refused = |ask| async { code(world.store.errand_ask(ask, &operator()).await) };
    assert_eq!(refused(AskErrand::Purge { orphan, now: false }).await, codes::ORPHAN_IN_PLACE.code);
    assert_eq!(refused(AskErrand::Restore { orphan }).await, codes::ORPHAN_IN_PLACE.code);
    let asked = world.ask_errand(AskErrand::Quarantine { orphan }).await;
    assert_eq!(world.ask_errand(AskErrand::Quarantine { orphan }).await.id, asked.id);
    assert_eq!(refused(AskErrand::Purge { orphan, now: true }).await, codes::ORPHAN_BUSY.code);
    let taken = world.take().await;
    world.end(&taken[0], ErrandOutcome::Done).await;
    let aside = world.store.orphan_read(orphan).await.unwrap();
    assert_eq!((aside.found.aside, aside.set_aside_at), (true, Some(world.now())));
    assert_eq!(refused(AskErrand::Quarantine { orphan }).await, codes::ORPHAN_ASIDE.code);
    // A survey that finds it there keeps since when it is.
    let since = aside.set_aside_at;
    world.pass(60);
    world.survey(vec![Found { aside: true, ..domain(901) }]).await;
    assert_eq!(world.store.orphan_read(orphan).await.unwrap().set_aside_at, since);
    world.ask_errand(AskErrand::Restore { orphan }).await;
    let taken = world.take().await;
    world.end(&taken[0], ErrandOutcome::Done).await;
    assert_eq!(world.store.orphan_read(orphan).await.unwrap().set_aside_at, None);
    // The trail of what was done stays.
    let filter = ErrandFilter { what: Some("restore".into()), ..Default::default() };
    let trail = world.store.errand_list(&filter).await.unwrap().items;
    assert_eq!((trail.len(), trail[0].asked_by.as_str()), (1, "olga"));
    assert_eq!(trail[0].what.found(), Some(&Found { aside: true, ..domain(901) }));
}

async fn a_server_takes_its_orphans_and_errands_along(world: World) {
    let kvm = world.survey_host().await;
    world.survey(vec![domain(901)]).await;
    let asked = world.ask_errand(survey()).await;
    world.store.server_delete(kvm.id).await.unwrap();
    assert!(world.orphans().await.is_empty());
    assert_eq!(code(world.store.errand_read(asked.id).await), codes::NOT_FOUND.code);
    assert!(world.take().await.is_empty());
}
