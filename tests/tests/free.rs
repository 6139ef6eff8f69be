//! Four tests for every verb in the table of drivers: it succeeds; it fails at each step and says so; twice is once; a
//! crash at each step ends the same.

use crate::rig::{
    Rig, at_rest, backup_hyperv_rig, backup_kvm_rig, ceph_alone_rig, ceph_detached_rig, ceph_off_rig, ceph_rig,
    gpu_attach_rig, gpu_mediated_rig, gpu_rig, router_rig, snapshot_hyperv_quiesced_rig, snapshot_hyperv_rig,
    snapshot_hyperv_tree_rig, snapshot_kvm_pool_quiesced_rig, snapshot_kvm_pool_rig, snapshot_kvm_pool_tree_rig,
    snapshot_kvm_quiesced_rig, snapshot_kvm_rig, snapshot_kvm_tree_rig, virtual_router_gains_rig,
    virtual_router_loses_rig, virtual_router_pair_rig, virtual_router_rig, virtual_router_standby_rig, vm_hyperv_rig,
    vm_hyperv_stopped_rig, vm_kvm_pool_rig, vm_kvm_rig, vm_kvm_stopped_rig, vm_rig,
};
use errors::Fault;
use futures::future::join_all;
use futures::stream::{self, StreamExt};
use lifecycle::{Boundary, Hook, Side};
use model::resource::Spec;
use model::task::{Step, StepOutcome, Task, TaskStatus};
use model::{Kind, ResourceId, State, Verb};
use std::collections::BTreeMap;
use std::sync::Arc;
use testkit::{Fleet, LIMIT, eventually};
use tokio::sync::Notify;

/// Stands at one boundary of one verb of a resource, in every attempt of the worker that has it.
fn at(
    id: ResourceId,
    verb: Verb,
    (step, side): (u32, Side),
    meet: impl Fn() -> Option<Fault> + Send + Sync + 'static,
) -> Hook {
    let meet = Arc::new(meet);
    Arc::new(move |boundary: Boundary| {
        let here = boundary.resource == id && boundary.verb == verb && boundary.step == step && boundary.side == side;
        let met = here.then(|| meet());
        Box::pin(async move {
            match met {
                None => Ok(()),
                Some(Some(fault)) => Err(fault),
                Some(None) => std::future::pending().await,
            }
        })
    })
}

/// The newest task of this verb, once it has ended.
async fn ended(fleet: &Fleet, id: ResourceId, verb: Verb) -> Task {
    let filter = iaas::tenant::TaskFilter { resource: Some(id), ..Default::default() };
    let task = eventually(LIMIT, &format!("{verb} of {id} ends"), async || {
        let tasks = fleet.client.tasks(&filter).await.map_err(|failure| failure.to_string())?.items;
        match tasks.iter().filter(|task| task.verb == verb).max_by_key(|task| task.id) {
            Some(task) if task.status.has_ended() => Ok(task.id),
            other => Err(format!("{:?}", other.map(|task| (task.status, task.waiting_for.clone())))),
        }
    })
    .await;
    fleet.ended(task).await
}

/// The verb's newest task, once it has succeeded and the resource is where it led. What waits in the scrub queue is closed
/// soon after, as the test's project has no grace period.
pub async fn settled<S: Spec>(rig: &Rig<S>, fleet: &Fleet, id: ResourceId, verb: Verb) -> Task {
    let task = ended(fleet, id, verb).await;
    assert_eq!(task.status, TaskStatus::Succeeded, "{task:#?}");
    let goal = rig.goal(verb);
    fleet.reaches::<S>(id, if goal == State::ScrubQueue { State::Closed } else { goal }).await;
    at_rest(fleet).await;
    task
}

/// One undisturbed run: the task, and what it left on the host.
async fn undisturbed<S: Spec>(rig: &Rig<S>, verb: Verb) -> (Task, BTreeMap<String, String>) {
    let ground = rig.ground();
    let mut fleet = ground.fleet().await;
    let (id, _) = rig.bring(&fleet, verb).await;
    fleet.work();
    let task = settled(rig, &fleet, id, verb).await;
    assert!(task.steps_total > Some(0), "{verb} has no steps: {task:#?}");
    let left = ground.left(id);
    fleet.stop().await;
    (task, left)
}

async fn succeeds<S: Spec>(rig: Rig<S>) {
    let rig = &rig;
    join_all(rig.verbs.iter().map(|&verb| async move {
        let (task, left) = undisturbed(rig, verb).await;
        let steps: Vec<_> = task.steps.iter().filter(|step| step.attempt == task.attempts && step.number > 0).collect();
        assert_eq!(steps.len() as u32, task.steps_total.unwrap_or(0), "{verb}: every step is reported");
        if matches!(verb, Verb::Scrub | Verb::Scrubprep) {
            assert!(!left.keys().any(|key| rig.is_own(key)), "{verb}: left on the host: {left:#?}");
        }
    }))
    .await;
}

/// Scenarios side by side: most of each is waiting for a lease to end.
async fn each<T, F: Future<Output = ()>>(scenarios: impl IntoIterator<Item = T>, run: impl Fn(T) -> F) {
    stream::iter(scenarios).map(run).buffer_unordered(12).collect::<Vec<()>>().await;
}

async fn fails_at_each_step<S: Spec>(rig: Rig<S>) {
    let rig = &rig;
    let steps = join_all(rig.verbs.iter().map(|&verb| async move {
        let total = undisturbed(rig, verb).await.0.steps_total.unwrap_or(0);
        (1..=total).map(move |step| (verb, step))
    }));
    each(steps.await.into_iter().flatten(), |(verb, step)| fails_at(rig, verb, step)).await;
}

async fn fails_at<S: Spec>(rig: &Rig<S>, verb: Verb, step: u32) {
    let fleet = rig.ground().fleet().await;
    let (id, _) = rig.bring(&fleet, verb).await;
    let fault = || Fault::new(&errors::driver::REHEARSED).hole("step", "this one");
    let worker = fleet.worker("worker-1", Some(at(id, verb, (step, Side::Before), move || Some(fault()))));
    let failed = fleet.reaches::<S>(id, State::Unresourced).await;
    let error = failed.error.expect("an unresourced resource says why");
    assert_eq!(error.code, format!("{}_{verb}_1013", rig.driver.kind));
    assert!(error.step.is_some() && !error.remedy.is_empty(), "{error:?}");
    worker.terminate().await;
    // The owner's way out, without an administrator.
    let retry = fleet.client.task_retry(failed.task_id.expect("the failed task")).await.expect("retry is accepted");
    assert_eq!(retry.verb, verb);
    let worker = fleet.worker("worker-2", None);
    settled(rig, &fleet, id, verb).await;
    worker.terminate().await;
    fleet.stop().await;
}

/// Kills the worker at a boundary, lets another one carry on, and gives the task with what was left on the host just
/// before the second attempt and at the end.
async fn killed_at<S: Spec>(
    rig: &Rig<S>,
    verb: Verb,
    (step, side): (u32, Side),
) -> (Task, BTreeMap<String, String>, BTreeMap<String, String>) {
    let ground = rig.ground();
    let fleet = ground.fleet().await;
    let (id, _) = rig.bring(&fleet, verb).await;
    let reached = Arc::new(Notify::new());
    let tell = reached.clone();
    let hook = at(id, verb, (step, side), move || {
        tell.notify_one();
        None
    });
    let worker = fleet.worker("worker-1", Some(hook));
    tokio::time::timeout(LIMIT, reached.notified())
        .await
        .unwrap_or_else(|_| panic!("{verb} does not come to {side:?} {step}"));
    worker.kill();
    let before = ground.left(id);
    let worker = fleet.worker("worker-2", None);
    let task = settled(rig, &fleet, id, verb).await;
    let after = ground.left(id);
    worker.terminate().await;
    fleet.stop().await;
    (task, before, after)
}

async fn twice_is_once<S: Spec>(rig: Rig<S>) {
    let rig = &rig;
    join_all(rig.verbs.iter().map(|&verb| async move {
        let (first, _) = undisturbed(rig, verb).await;
        // Killed when all is done and nothing is told: after the last step that had something to do.
        let done = first.steps.iter().filter(|step| step.outcome == StepOutcome::Done).map(|step| step.number).max();
        let last = done.filter(|number| *number > 0).unwrap_or_else(|| panic!("{verb} did nothing: {first:#?}"));
        let (task, before, after) = killed_at(rig, verb, (last, Side::After)).await;
        let second: Vec<_> =
            task.steps.iter().filter(|step| step.attempt == task.attempts && step.number > 0).collect();
        assert_eq!(second.len() as u32, task.steps_total.unwrap_or(0), "{verb}: every step is reported");
        for step in second {
            assert_eq!(step.outcome, StepOutcome::Skipped, "{verb}: {} was done again", step.name);
        }
        if verb != Verb::Scrubprep {
            assert_eq!(before, after, "{verb}: the second run changed something");
        }
    }))
    .await;
}

async fn ends_the_same_after_a_crash_at_each_step<S: Spec>(rig: Rig<S>) {
    let rig = &rig;
    let boundaries = join_all(rig.verbs.iter().map(|&verb| async move {
        let (task, wanted) = undisturbed(rig, verb).await;
        let wanted = Arc::new(wanted);
        // A step that finds its work done already has no far side.
        let skipped = |step: &&Step| step.number > 0 && step.outcome == StepOutcome::Skipped;
        let skipped: Vec<u32> = task.steps.iter().filter(skipped).map(|step| step.number).collect();
        let all = (1..=task.steps_total.unwrap_or(0)).flat_map(|step| [(step, Side::Before), (step, Side::After)]);
        let real = all.filter(move |(step, side)| *side == Side::Before || !skipped.contains(step));
        real.map(move |boundary| (verb, boundary, wanted.clone()))
    }));
    each(boundaries.await.into_iter().flatten(), |(verb, (step, side), wanted)| async move {
        let (task, _, after) = killed_at(rig, verb, (step, side)).await;
        // Where the machine is very busy the second worker may lose its lease too, and is carried on like the first.
        assert!(task.lost >= 1, "{verb}, {side:?} step {step}");
        assert_eq!(task.attempts, task.lost + 1, "{verb}, {side:?} step {step}");
        assert_eq!(after, *wanted, "{verb}: a crash {side:?} step {step} left another end");
    })
    .await;
}

/// The four tests of a driver, each with all of its rigs.
macro_rules! free {
    ($driver:ident: $($rig:expr),+) => {
        mod $driver {
            use super::*;

            // A host that is kept in files is slow, and leases are short.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn every_verb_succeeds() {
                $(succeeds($rig).await;)+
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn every_verb_fails_at_each_step_and_says_so() {
                $(fails_at_each_step($rig).await;)+
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn every_verb_twice_is_once() {
                $(twice_is_once($rig).await;)+
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn every_verb_ends_the_same_after_a_crash_at_each_step() {
                $(ends_the_same_after_a_crash_at_each_step($rig).await;)+
            }
        }
    };
}

free!(backup_hyperv: backup_hyperv_rig());
free!(backup_kvm: backup_kvm_rig());
free!(ceph: ceph_rig(), ceph_alone_rig(), ceph_detached_rig(), ceph_off_rig());
free!(gpu: gpu_rig(), gpu_attach_rig(), gpu_mediated_rig());
free!(snapshot_hyperv: snapshot_hyperv_rig(), snapshot_hyperv_quiesced_rig(), snapshot_hyperv_tree_rig());
free!(snapshot_kvm: snapshot_kvm_rig(), snapshot_kvm_quiesced_rig(), snapshot_kvm_tree_rig());
free!(snapshot_kvm_pool: snapshot_kvm_pool_rig(), snapshot_kvm_pool_quiesced_rig(), snapshot_kvm_pool_tree_rig());
free!(virtual_router: virtual_router_rig());
free!(virtual_router_pair: virtual_router_pair_rig(), virtual_router_standby_rig());
free!(virtual_router_parted: virtual_router_gains_rig(), virtual_router_loses_rig());
free!(virtual_router_phantom: router_rig(Kind::VirtualRouterPhantom));
free!(vm_hyperv: vm_hyperv_rig(), vm_hyperv_stopped_rig());
free!(vm_kvm: vm_kvm_rig(), vm_kvm_stopped_rig(), vm_kvm_pool_rig());
free!(vm_phantom: vm_rig(Kind::VmPhantom));

#[test]
fn every_driver_of_the_table_has_its_tests() {
    let tested = [
        Kind::BackupHyperv,
        Kind::BackupKvm,
        Kind::Ceph,
        Kind::Gpu,
        Kind::SnapshotHyperv,
        Kind::SnapshotKvm,
        Kind::VirtualRouter,
        Kind::VirtualRouterPhantom,
        Kind::VmHyperv,
        Kind::VmKvm,
        Kind::VmPhantom,
    ];
    let drivers: Vec<_> = worker::drivers::ALL.iter().map(|driver| driver.kind).collect();
    assert_eq!(drivers, tested, "a driver without its free tests: add them above");
    for driver in worker::drivers::ALL {
        let verbs: Vec<_> = driver.kind.verbs().collect();
        assert!(verbs.iter().all(|verb| driver.entry(*verb).is_some()), "{} lacks a verb", driver.kind);
        assert_eq!(driver.verbs.len(), verbs.len(), "{} has a verb that the state table does not know", driver.kind);
    }
}
