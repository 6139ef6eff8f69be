//! What time does.

use super::world::{World, key, operator, step, worker};
use iaas::fleet::{Progress, Swept};
use model::task::{StepOutcome, TaskStatus};
use model::{EventSeq, State};

crate::tests::suite! {
    only_the_holder_of_the_lease_sweeps,
    an_unclaimed_task_is_handed_out_again_with_growing_pauses,
    a_task_that_no_dispatcher_took_keeps_its_place_in_the_feed,
    an_attempt_whose_lease_ran_out_is_queued_again,
    a_task_that_loses_three_workers_fails,
    a_renewed_lease_is_left_alone,
    a_task_that_nobody_began_fails_at_its_deadline,
    a_cancel_reaches_an_attempt_whose_worker_is_lost,
    old_answers_and_old_events_are_removed,
}

async fn only_the_holder_of_the_lease_sweeps(world: World) {
    assert!(world.store.sweep("d1").await.unwrap().leader);
    assert_eq!(world.store.sweep("d2").await.unwrap(), Swept::default());
    world.pass(9);
    assert!(world.store.sweep("d1").await.unwrap().leader);
    world.pass(9);
    assert!(!world.another().await.sweep("d2").await.unwrap().leader);
    world.pass(1);
    assert!(world.store.sweep("d2").await.unwrap().leader);
    assert!(!world.store.sweep("d1").await.unwrap().leader);
}

async fn an_unclaimed_task_is_handed_out_again_with_growing_pauses(world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    assert_eq!(world.feed().await, [made.task_id]);
    let mut handed_out = Vec::new();
    for second in 1..=60 {
        world.pass(1);
        if world.store.sweep("d1").await.unwrap().unclaimed == 1 {
            handed_out.push(second);
            assert_eq!(world.feed().await, [made.task_id]);
        }
        assert!(world.feed().await.is_empty());
    }
    assert_eq!(handed_out, [5, 15, 30, 50]);
    world.claim(made.task_id).await.unwrap();
}

async fn a_task_that_no_dispatcher_took_keeps_its_place_in_the_feed(world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    let before = world.store.last_seq().await.unwrap();
    for _ in 0..5 {
        world.pass(30);
        assert_eq!(world.store.sweep("d1").await.unwrap().unclaimed, 0);
    }
    assert_eq!(world.store.last_seq().await.unwrap(), before);
    assert_eq!(world.feed().await, [made.task_id]);
}

async fn an_attempt_whose_lease_ran_out_is_queued_again(world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    let old = world.claim(made.task_id).await.unwrap().fence;
    let now = world.now();
    let progress = Progress { fence: old, steps: vec![step(1, "disk", StepOutcome::Running, now)], steps_total: None };
    world.store.task_progress(made.task_id, progress, &worker()).await.unwrap();
    world.feed().await;
    world.pass(14);
    assert_eq!(world.store.sweep("d1").await.unwrap().expired, 0);
    world.pass(1);
    assert_eq!(world.store.sweep("d1").await.unwrap().expired, 1);
    assert_eq!(world.feed().await, [made.task_id]);
    let task = world.task(made.task_id).await;
    assert_eq!((task.status, task.lost, task.attempts), (TaskStatus::Queued, 1, 1));
    assert_eq!(
        (task.steps[0].outcome, task.steps[0].note.as_deref()),
        (StepOutcome::Failed, Some("its worker was lost"))
    );
    // The state stays; a new attempt goes on from it, and the old one is fenced off.
    assert_eq!(world.state(made.resource.id).await, State::Building);
    let new = world.claim(made.task_id).await.unwrap();
    assert_eq!((new.attempt, new.fence.0), (2, 2));
    assert!(world.renew(made.task_id, old).await.is_err());
}

async fn a_task_that_loses_three_workers_fails(world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    for lost in 1..=3 {
        let fence = world.claim(made.task_id).await.unwrap().fence;
        let now = world.now();
        let mut boot = step(4, "boot", StepOutcome::Running, now);
        boot.attempt = lost;
        let progress = Progress { fence, steps: vec![boot], steps_total: None };
        world.store.task_progress(made.task_id, progress, &worker()).await.unwrap();
        world.pass(15);
        world.store.sweep("d1").await.unwrap();
    }
    let task = world.task(made.task_id).await;
    assert_eq!((task.status, task.lost), (TaskStatus::Failed, 3));
    let error = task.error.unwrap();
    assert_eq!((error.code.as_str(), error.step.as_deref()), ("vm_phantom_build_1008", Some("boot")));
    assert_eq!(error.text, "3 attempts ended with their worker lost, the last one in step boot.");
    assert_eq!(world.state(made.resource.id).await, State::Unresourced);
}

async fn a_renewed_lease_is_left_alone(world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    let fence = world.claim(made.task_id).await.unwrap().fence;
    for _ in 0..10 {
        world.pass(14);
        world.renew(made.task_id, fence).await.unwrap();
        let swept = world.store.sweep("d1").await.unwrap();
        assert_eq!(swept, Swept { leader: true, ..Swept::default() });
    }
}

async fn a_task_that_nobody_began_fails_at_its_deadline(world: World) {
    let fleet = world.fleet().await;
    let (queued, waiting) = (world.vm(&fleet).await, world.vm(&fleet).await);
    world.wait_for(waiting.task_id, None, None).await.unwrap();
    world.pass(3599);
    assert_eq!(world.store.sweep("d1").await.unwrap().failed, 0);
    world.pass(1);
    assert_eq!(world.store.sweep("d1").await.unwrap().failed, 2);
    let task = world.task(queued.task_id).await;
    assert_eq!(
        task.error.unwrap().text,
        "The task was not started within 3600 s; it was waiting for worker of phantom-1, never seen."
    );
    let task = world.task(waiting.task_id).await;
    assert!(task.error.unwrap().text.ends_with("it was waiting for something else."));
    assert_eq!(world.state(queued.resource.id).await, State::Unresourced);
}

async fn a_cancel_reaches_an_attempt_whose_worker_is_lost(world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    world.claim(made.task_id).await.unwrap();
    world.store.task_cancel(made.task_id, &operator()).await.unwrap();
    world.pass(15);
    world.store.sweep("d1").await.unwrap();
    let task = world.task(made.task_id).await;
    assert_eq!(task.status, TaskStatus::Cancelled);
    assert_eq!(task.error.unwrap().text, "The task was cancelled by olga after step none.");
    assert_eq!(world.state(made.resource.id).await, State::Unresourced);
}

async fn old_answers_and_old_events_are_removed(world: World) {
    let fleet = world.fleet().await;
    world.store.resource_create(fleet.vm("a"), &operator(), None, key("k", "a")).await.unwrap();
    world.feed().await;
    world.pass(31 * 86_400);
    let made = world.vm(&fleet).await;
    world.store.sweep("d1").await.unwrap();
    let events = world.store.events_after(EventSeq(0), 1000, None).await.unwrap();
    assert_eq!(events[0].seq, EventSeq(3));
    assert_eq!(events[0].resource_id, made.resource.id);
    let rows = sqlx::query("SELECT made_at FROM idempotency").fetch_all(world.store.pool()).await.unwrap();
    assert!(rows.is_empty());
}
