//! Who may act on a task, when, and how it ends: races, pauses, cancels, waits, dry runs, and verbs that take their
//! worker down.

use crate::backups::Ground as Backups;
use crate::rig::Ground;
use errors::Fault;
use iaas::fleet::{Claim, Outcome, Progress, Settle};
use iaas::tenant::Change;
use lifecycle::{Boundary, Hook};
use locks::Owner;
use model::lock::LockName;
use model::snapshot::{Snapshot, SnapshotSpec};
use model::task::TaskStatus;
use model::virtual_router::VirtualRouterSpec;
use model::vm::{PhantomScript, VmSpec};
use model::{Kind, State, TaskId, Verb};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use testkit::fleet::vm;
use testkit::{Fleet, LIMIT, eventually};

fn claim(worker: &str, version: model::Version) -> Claim {
    Claim { worker: worker.into(), version, steps: Vec::new() }
}

#[tokio::test]
async fn of_two_workers_that_race_for_a_task_one_gets_it() {
    let fleet = Fleet::setup().start().await;
    let built = fleet.create("web", vm(&fleet.image)).await;
    let client = fleet.worker_client();
    let (claim_1, claim_2) = (claim("worker-1", built.resource.version), claim("worker-2", built.resource.version));
    let (first, second) = tokio::join!(client.claim(built.task_id, &claim_1), client.claim(built.task_id, &claim_2));
    assert_eq!(u8::from(first.is_ok()) + u8::from(second.is_ok()), 1, "{first:?} {second:?}");
    let refused = first.err().or(second.err()).expect("one is refused");
    assert_eq!(refused.code(), Some("iaas_fleet_001"), "{refused}");
    fleet.end().await;
}

#[tokio::test]
async fn the_writes_of_a_worker_that_was_paused_past_its_lease_are_refused() {
    let mut fleet = Fleet::setup().start().await;
    let built = fleet.create("web", vm(&fleet.image)).await;
    let client = fleet.worker_client();
    let late = client.claim(built.task_id, &claim("paused", built.resource.version)).await.expect("the claim");
    // It says nothing for longer than its lease; another worker carries on.
    fleet.work();
    fleet.reaches::<VmSpec>(built.resource.id, State::Running).await;
    let progress = Progress { fence: late.fence, steps: Vec::new(), steps_total: None };
    let refused = client.progress(built.task_id, &progress).await.expect_err("a late renewal is refused");
    assert_eq!(refused.code(), Some("iaas_fleet_002"), "{refused}");
    let error = model::task::ErrorRecord::of(&Fault::new(&errors::driver::PANIC).hole("panic", "late"), None, None);
    let settle = Settle {
        fence: Some(late.fence),
        worker: "paused".into(),
        outcome: Outcome::Failed { error },
        facts: Default::default(),
        steps: Vec::new(),
        steps_total: None,
    };
    let refused = client.settle(built.task_id, &settle).await.expect_err("a late result is refused");
    assert_eq!(refused.code(), Some("iaas_fleet_002"), "{refused}");
    assert_eq!(fleet.reaches::<VmSpec>(built.resource.id, State::Running).await.error, None);
    fleet.stop().await;
}

#[tokio::test]
async fn a_vm_waits_for_its_router_and_says_so_and_is_woken_when_it_runs() {
    let mut fleet = Fleet::setup().start().await;
    let slow = VirtualRouterSpec {
        phantom: Some(PhantomScript { delay_ms: 300, ..PhantomScript::default() }),
        ..VirtualRouterSpec::default()
    };
    let router = fleet.create("router", slow).await;
    let built = fleet.create("web", vm(&fleet.image)).await;
    fleet.work();
    let reason = eventually(LIMIT, "the VM says what it waits for", async || {
        let task = fleet.client.task(built.task_id, Duration::ZERO).await.map_err(|failure| failure.to_string())?;
        match task.waiting_for {
            Some(waiting) if task.status == TaskStatus::Waiting => Ok(waiting.reason),
            other => Err(format!("{} {other:?}", task.status)),
        }
    })
    .await;
    assert!(reason.starts_with(&format!("virtual_router {} to be running, it is ", router.resource.id)), "{reason}");
    fleet.reaches::<VmSpec>(built.resource.id, State::Running).await;
    fleet.stop().await;
}

#[tokio::test]
async fn a_task_whose_worker_never_came_says_which_worker_it_waits_for() {
    let fleet = Fleet::setup().start().await;
    let built = fleet.create("web", vm(&fleet.image)).await;
    let task = fleet.client.task(built.task_id, Duration::ZERO).await.expect("the task");
    let reason = task.waiting_for.expect("it waits").reason;
    assert!(reason.contains("phantom-1") && reason.contains("worker"), "{reason}");
    fleet.end().await;
}

#[tokio::test]
async fn a_cancel_before_the_first_attempt_takes_everything_back() {
    let mut fleet = Fleet::setup().start().await;
    let built = fleet.create("web", vm(&fleet.image)).await;
    let cancelled = fleet.client.task_cancel(built.task_id).await.expect("the cancel");
    assert_eq!(cancelled.status, TaskStatus::Cancelled);
    fleet.work();
    fleet.reaches::<VmSpec>(built.resource.id, State::Closed).await;
    fleet.stop().await;
}

#[tokio::test]
async fn a_cancel_of_a_running_task_stops_it_at_a_step_boundary_and_leaves_a_way_out() {
    let mut fleet = Fleet::setup().start().await;
    let mut wish = vm(&fleet.image);
    wish.phantom = Some(PhantomScript { delay_ms: 700, ..PhantomScript::default() });
    let built = fleet.create("web", wish).await;
    fleet.work();
    eventually(LIMIT, "the first step runs", async || {
        let task = fleet.client.task(built.task_id, Duration::ZERO).await.map_err(|failure| failure.to_string())?;
        if task.steps.iter().any(|step| step.number == 1) { Ok(()) } else { Err(format!("{:?}", task.steps)) }
    })
    .await;
    fleet.client.task_cancel(built.task_id).await.expect("the cancel");
    let task = fleet.ended(built.task_id).await;
    assert_eq!(task.status, TaskStatus::Cancelled, "{task:#?}");
    let vm = fleet.reaches::<VmSpec>(built.resource.id, State::Unresourced).await;
    let error = vm.error.expect("it says why");
    assert_eq!(error.code, "vm_phantom_build_1005");
    assert!(error.text.contains("operator"), "{}", error.text);
    fleet.ask::<VmSpec>(vm.id, State::Scrub).await;
    fleet.reaches::<VmSpec>(vm.id, State::Closed).await;
    fleet.stop().await;
}

#[tokio::test]
async fn a_rehearsed_fault_is_explained_and_retried_by_its_owner() {
    let mut fleet = Fleet::setup().start().await;
    let mut wish = vm(&fleet.image);
    wish.phantom =
        Some(PhantomScript { fail_at: Some("power on".into()), fail_times: Some(1), ..PhantomScript::default() });
    let built = fleet.create("web", wish).await;
    fleet.work();
    let failed = fleet.reaches::<VmSpec>(built.resource.id, State::Unresourced).await;
    let error = failed.error.expect("it says why");
    assert_eq!((error.code.as_str(), error.step.as_deref()), ("vm_phantom_build_1013", Some("power on")));
    assert!(errors::find(&error.code).is_some(), "the catalogue knows it");
    fleet.client.task_retry(built.task_id).await.expect("the retry");
    fleet.reaches::<VmSpec>(built.resource.id, State::Running).await;
    fleet.stop().await;
}

#[tokio::test]
async fn a_panic_of_a_verb_is_a_fault_that_is_tried_three_times() {
    let fleet = Fleet::setup().start().await;
    let tries = Arc::new(AtomicU32::new(0));
    let count = tries.clone();
    let hook: Hook = Arc::new(move |_: Boundary| {
        count.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { panic!("a defect") })
    });
    let worker = fleet.worker("worker-1", Some(hook));
    let built = fleet.create("web", vm(&fleet.image)).await;
    let failed = fleet.reaches::<VmSpec>(built.resource.id, State::Unresourced).await;
    let error = failed.error.expect("it says why");
    assert_eq!(error.code, "vm_phantom_build_1000");
    assert!(error.text.contains("a defect"), "{}", error.text);
    assert_eq!(tries.load(Ordering::Relaxed), 3);
    worker.terminate().await;
    fleet.stop().await;
}

#[tokio::test]
async fn a_verb_that_takes_its_worker_down_three_times_is_put_aside() {
    let fleet = Fleet::setup().start().await;
    let built = fleet.create("web", vm(&fleet.image)).await;
    for n in 1..=3 {
        let (tell, reached) = tokio::sync::mpsc::unbounded_channel();
        let hook: Hook = Arc::new(move |_: Boundary| {
            // The test may have seen enough.
            let _ = tell.send(());
            Box::pin(std::future::pending())
        });
        let worker = fleet.worker(&format!("worker-{n}"), Some(hook));
        let mut reached = reached;
        tokio::time::timeout(LIMIT, reached.recv()).await.unwrap_or_else(|_| panic!("attempt {n} does not begin"));
        worker.kill();
    }
    let failed = fleet.reaches::<VmSpec>(built.resource.id, State::Unresourced).await;
    assert_eq!(failed.error.expect("it says why").code, "vm_phantom_build_1008");
    fleet.stop().await;
}

#[tokio::test]
async fn a_terminated_worker_hands_over_at_a_step_boundary_and_nothing_counts_as_lost() {
    let fleet = Fleet::setup().start().await;
    let mut wish = vm(&fleet.image);
    wish.phantom = Some(PhantomScript { delay_ms: 300, ..PhantomScript::default() });
    let built = fleet.create("web", wish).await;
    let first = fleet.worker("worker-1", None);
    eventually(LIMIT, "the first step runs", async || {
        let task = fleet.client.task(built.task_id, Duration::ZERO).await.map_err(|failure| failure.to_string())?;
        if task.steps.iter().any(|step| step.number == 1) { Ok(()) } else { Err(format!("{:?}", task.steps)) }
    })
    .await;
    first.terminate().await;
    let second = fleet.worker("worker-2", None);
    fleet.reaches::<VmSpec>(built.resource.id, State::Running).await;
    let task = fleet.ended(built.task_id).await;
    assert_eq!((task.attempts, task.lost, task.faults), (2, 0, 0), "{task:#?}");
    second.terminate().await;
    fleet.stop().await;
}

#[tokio::test]
async fn a_dry_run_lists_steps_commands_and_locks_and_touches_nothing() {
    let ground = Ground::of(Kind::VmPhantom);
    let mut fleet = ground.fleet().await;
    fleet.work();
    let built = fleet.create("web", vm(&fleet.image)).await;
    let before = fleet.reaches::<VmSpec>(built.resource.id, State::Running).await;
    let words = (ground.words)();
    let planned = fleet.client.ask::<VmSpec>(before.id, State::Quiesce, true).await.expect("the dry run");
    let task = fleet.ended(planned.task_id).await;
    let plan = task.plan.expect("a dry run ends with a plan");
    assert_eq!(plan.locks, [format!("resource/{}", before.id)]);
    let steps: Vec<_> = plan.steps.iter().map(|step| (step.name.as_str(), step.commands.clone())).collect();
    assert_eq!(steps, [("power off", vec![format!("phantom set vm/{}/power off", before.id)])]);
    assert_eq!((ground.words)(), words, "the host was touched");
    assert_eq!(fleet.reaches::<VmSpec>(before.id, State::Running).await, before, "the record was touched");
    let change = Change { spec: json!({ "cpu": 3 }) };
    let planned = fleet.client.change::<VmSpec>(before.id, before.version, &change, true).await.expect("the dry run");
    assert_eq!(fleet.ended(planned.task_id).await.verb, Verb::Updaterunning);
    assert_eq!(fleet.reaches::<VmSpec>(before.id, State::Running).await.spec.cpu, 1);
    fleet.stop().await;
}

#[tokio::test]
async fn a_scrubbed_vm_can_be_restored_until_its_grace_period_has_passed() {
    let mut fleet = Fleet::setup().start().await;
    let patch = json!({ "grace_hours": 1 });
    let project = &fleet.project;
    let _: model::project::Project =
        fleet.client.record_change("projects", project.id.0, project.version, &patch).await.expect("the change");
    fleet.work();
    let built = fleet.create("web", vm(&fleet.image)).await;
    let id = built.resource.id;
    fleet.reaches::<VmSpec>(id, State::Running).await;
    fleet.ask::<VmSpec>(id, State::Scrub).await;
    fleet.reaches::<VmSpec>(id, State::ScrubQueue).await;
    fleet.ask::<VmSpec>(id, State::Restart).await;
    fleet.reaches::<VmSpec>(id, State::Running).await;
    fleet.stop().await;
}

#[tokio::test]
async fn a_failure_is_told_to_the_operators_program() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let told = folder.path().join("told").display().to_string();
    let mut fleet = Fleet::setup().notify(["tee", told.as_str()]).start().await;
    fleet.work();
    let mut wish = vm(&fleet.image);
    wish.phantom = Some(PhantomScript { fail_at: Some("power on".into()), ..PhantomScript::default() });
    let built = fleet.create("web", wish).await;
    fleet.reaches::<VmSpec>(built.resource.id, State::Unresourced).await;
    let told = eventually(LIMIT, "the program is told", async || {
        serde_json::from_slice::<serde_json::Value>(&std::fs::read(&told).unwrap_or_default())
    })
    .await;
    assert_eq!((&told["task"], &told["verb"]), (&json!(built.task_id), &json!("build")), "{told:#}");
    assert_eq!((&told["error"]["code"], &told["error"]["step"]), (&json!("vm_phantom_build_1013"), &json!("power on")));
    fleet.stop().await;
}

/// Cancelled in its wait for the lock, at once; and once the attempt had given up and the task waits.
#[tokio::test]
async fn a_revert_that_only_waited_for_its_vm_leaves_the_snapshot_as_it_was() {
    let ground = Backups::new().await;
    let (fleet, lock) = (&ground.fleet, LockName::Resource { id: ground.vm });
    let spec = SnapshotSpec { vm: ground.vm, parent: None, remove_subtree: false };
    let snapshot = fleet.create("before", spec).await.resource.id;
    fleet.reaches::<SnapshotSpec>(snapshot, State::Running).await;
    let acted = ground.host.transcript();
    for gives_up in [false, true] {
        let owner =
            Owner { task: TaskId(-1), attempt: 1, worker: "test".into(), host: "host-1".into(), step: String::new() };
        let held = fleet.locks.acquire(std::slice::from_ref(&lock), owner, LIMIT).await.expect("the VM's lock");
        let asked = fleet.ask::<SnapshotSpec>(snapshot, State::RunningUpdate).await.task_id;
        eventually(LIMIT + Duration::from_secs(40), "it waits for the lock", async || {
            let task = fleet.client.task(asked, Duration::ZERO).await.map_err(|failure| failure.to_string())?;
            let (waits, begun) =
                (task.status == TaskStatus::Waiting, task.steps.iter().any(|step| step.name == "locks"));
            if begun && (waits || !gives_up) { Ok(()) } else { Err(format!("{task:?}")) }
        })
        .await;
        fleet.client.task_cancel(asked).await.expect("the cancel is accepted");
        let ended = fleet.ended(asked).await;
        assert_eq!((ended.status, ended.attempts, ended.error.clone()), (TaskStatus::Cancelled, 1, None), "{ended:#?}");
        let after: Snapshot = fleet.client.read(snapshot).await.expect("the snapshot");
        assert_eq!((after.state, after.error), (State::Running, None));
        held.release().await;
    }
    assert_eq!(ground.host.transcript(), acted);
    let asked = fleet.ask::<SnapshotSpec>(snapshot, State::RunningUpdate).await.task_id;
    assert_eq!(fleet.ended(asked).await.status, TaskStatus::Succeeded);
    ground.fleet.stop().await;
}
