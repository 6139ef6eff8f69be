//! Claims, fences and leases.

use super::world::{World, code, operator, step, worker};
use crate::Who;
use errors::iaas as codes;
use iaas::fleet::{Claim, Outcome, Progress};
use iaas::tenant::Role;
use model::event::EventKind;
use model::task::{StepOutcome, TaskStatus};
use model::{EventSeq, Fence, ResourceType, State, Version};

crate::tests::suite! {
    of_two_claims_exactly_one_gets_the_fence,
    a_claim_moves_the_resource_and_begins_an_attempt,
    a_claim_of_a_changed_resource_is_refused,
    a_stale_fence_is_refused_everywhere,
    steps_are_kept_in_order_and_told_as_they_begin_and_end,
    a_worker_sees_and_moves_only_its_own_hosts,
    an_assignment_holds_all_that_the_worker_needs,
}

async fn of_two_claims_exactly_one_gets_the_fence(world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    let other = world.another().await;
    let claim = |store: crate::Store, name: &str| {
        let claim = Claim { worker: name.into(), version: made.resource.version, steps: Vec::new() };
        async move { store.task_claim(made.task_id, claim, &worker()).await }
    };
    let claims = futures::future::join_all((0..10).map(|number| {
        let store = if number % 2 == 0 { world.store.clone() } else { other.clone() };
        claim(store, &format!("w{number}"))
    }));
    let answers = claims.await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for answer in answers.into_iter().filter(Result::is_err) {
        assert_eq!(code(answer), codes::CLAIM_REFUSED.code);
    }
    assert_eq!(world.task(made.task_id).await.attempts, 1);
}

async fn a_claim_moves_the_resource_and_begins_an_attempt(world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    let claimed = world.claim(made.task_id).await.unwrap();
    assert_eq!((claimed.fence, claimed.attempt, claimed.lease_secs), (Fence(1), 1, 15));
    assert_eq!(world.state(made.resource.id).await, State::Building);
    let task = world.task(made.task_id).await;
    assert_eq!((task.status, task.worker.as_deref()), (TaskStatus::Running, Some("w1")));
    assert_eq!(task.lease_until, Some(world.now() + jiff::Span::new().seconds(15)));
    let history = world.store.resource_history(ResourceType::Vm, made.resource.id, &operator()).await.unwrap();
    assert_eq!(
        history.last().map(|record| (record.from, record.into)),
        Some((Some(State::Requested), State::Building))
    );
    world.pass(10);
    assert_eq!(world.renew(made.task_id, claimed.fence).await.unwrap().cancel_by, None);
    assert_eq!(world.task(made.task_id).await.lease_until, Some(world.now() + jiff::Span::new().seconds(15)));
}

async fn a_claim_of_a_changed_resource_is_refused(world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    let claim = Claim { worker: "w1".into(), version: Version(made.resource.version.0 + 1), steps: Vec::new() };
    let refused = super::world::refusal(world.store.task_claim(made.task_id, claim, &worker()).await);
    assert_eq!(refused.to_string(), "Task 1 cannot be claimed: it is queued, and vm 1 has changed since it was read.");
    assert_eq!(world.state(made.resource.id).await, State::Requested);
}

async fn a_stale_fence_is_refused_everywhere(world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    let old = world.claim(made.task_id).await.unwrap().fence;
    world.release(made.task_id, old).await.unwrap();
    // The same release again is the same release.
    world.release(made.task_id, old).await.unwrap();
    let new = world.claim(made.task_id).await.unwrap();
    assert_eq!((new.fence, new.attempt), (Fence(2), 2));
    let stale = codes::FENCE_REFUSED.code;
    assert_eq!(code(world.renew(made.task_id, old).await), stale);
    assert_eq!(code(world.release(made.task_id, old).await), stale);
    assert_eq!(code(world.wait_for(made.task_id, Some(old), None).await), stale);
    assert_eq!(code(world.settle(made.task_id, old, Outcome::Succeeded).await), stale);
    assert_eq!(world.task(made.task_id).await.status, TaskStatus::Running);
    world.settle(made.task_id, new.fence, Outcome::Succeeded).await.unwrap();
    assert_eq!(code(world.settle(made.task_id, old, Outcome::Succeeded).await), stale);
    // The same settle again: its answer was lost.
    world.settle(made.task_id, new.fence, Outcome::Succeeded).await.unwrap();
    let error = super::world::error();
    assert_eq!(code(world.settle(made.task_id, new.fence, Outcome::Failed { error }).await), stale);
    assert_eq!(code(world.claim(made.task_id).await), codes::CLAIM_REFUSED.code);
}

async fn steps_are_kept_in_order_and_told_as_they_begin_and_end(world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    let fence = world.claim(made.task_id).await.unwrap().fence;
    let before = world.store.last_seq().await.unwrap();
    let report = |steps| {
        let progress = Progress { fence, steps, steps_total: Some(2) };
        let (store, id) = (world.store.clone(), made.task_id);
        async move { store.task_progress(id, progress, &worker()).await.unwrap() }
    };
    let now = world.now();
    report(vec![step(0, "prerequisites", StepOutcome::Done, now), step(1, "disk", StepOutcome::Running, now)]).await;
    let mut moved = step(1, "disk", StepOutcome::Running, now);
    moved.note = Some("43 %".into());
    report(vec![moved]).await;
    // Twice the same step in one report is one step.
    let twice = vec![step(1, "disk", StepOutcome::Running, now), step(1, "disk", StepOutcome::Done, now)];
    report(twice).await;
    report(vec![step(2, "boot", StepOutcome::Skipped, now)]).await;
    let task = world.task(made.task_id).await;
    let steps: Vec<_> = task.steps.iter().map(|step| (step.name.as_str(), step.outcome)).collect();
    assert_eq!(
        steps,
        [("prerequisites", StepOutcome::Done), ("disk", StepOutcome::Done), ("boot", StepOutcome::Skipped)]
    );
    assert_eq!(task.steps_total, Some(2));
    let events = world.store.events_after(before, 100, Some(fleet.project.id)).await.unwrap();
    let notes: Vec<_> = events.iter().map(|event| (event.event, event.note.as_deref().unwrap_or(""))).collect();
    assert_eq!(notes[0], (EventKind::TaskStep, "prerequisites: done"));
    assert_eq!(notes[1], (EventKind::TaskStep, "disk: running"));
    assert_eq!(notes.last(), Some(&(EventKind::TaskStep, "boot: skipped")));
    let list = world.store.task_list(&Default::default(), &operator()).await.unwrap();
    assert_eq!(list.items, [task]);
}

async fn a_worker_sees_and_moves_only_its_own_hosts(world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    let stranger = Who { hosts: vec!["kvm-9".into()], ..Who::local("w9", Role::Worker) };
    assert_eq!(code(world.store.assignment(made.task_id, &stranger).await), codes::HOST_FORBIDDEN.code);
    let claim = Claim { worker: "w9".into(), version: made.resource.version, steps: Vec::new() };
    assert_eq!(code(world.store.task_claim(made.task_id, claim, &stranger).await), codes::HOST_FORBIDDEN.code);
    assert!(world.store.worker_servers(&stranger).await.unwrap().is_empty());
    let own = Who { hosts: vec!["phantom-1".into()], ..Who::local("w1", Role::Worker) };
    assert_eq!(world.store.worker_servers(&own).await.unwrap().len(), 1);
    assert!(world.store.assignment(made.task_id, &own).await.is_ok());
}

async fn an_assignment_holds_all_that_the_worker_needs(world: World) {
    let fleet = world.fleet().await;
    let router = world.router(&fleet).await;
    let made = world.vm(&fleet).await;
    let given = world.store.assignment(made.task_id, &worker()).await.unwrap();
    assert_eq!(given.task.id, made.task_id);
    assert_eq!(given.resource.version, made.resource.version);
    assert_eq!(given.resource.spec["ram_mb"], 1024);
    assert_eq!((&given.project, given.image.as_ref()), (&fleet.project, Some(&fleet.image)));
    assert_eq!(given.server.spec, fleet.server.spec);
    assert_eq!(given.related.len(), 1);
    assert_eq!((given.related[0].id, given.related[0].state), (router.resource.id, State::Requested));
    let given = world.store.assignment(router.task_id, &worker()).await.unwrap();
    assert!(given.image.is_none() && given.related.is_empty());
    assert_eq!(code(world.store.assignment(model::TaskId(99), &worker()).await), codes::NOT_FOUND.code);
    assert_eq!(world.store.last_seq().await.unwrap(), EventSeq(4));
}
