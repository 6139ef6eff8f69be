//! Cancels, from each status.

use super::world::{World, code, error, operator, tenant, worker};
use errors::iaas as codes;
use iaas::fleet::{Outcome, Wait};
use model::State;
use model::task::TaskStatus;

crate::tests::suite! {
    a_build_that_never_began_is_closed_and_gives_its_room_back,
    a_verb_that_never_began_leaves_the_resource_as_it_was,
    a_running_attempt_is_asked_to_stop,
    a_task_between_attempts_is_cancelled_at_once,
    what_no_attempt_has_touched_is_as_before,
    an_attempt_that_was_asked_to_stop_does_not_begin_again,
    what_has_ended_cannot_be_cancelled,
}

async fn a_build_that_never_began_is_closed_and_gives_its_room_back(world: World) {
    let fleet = world.fleet().await;
    let (queued, waiting) = (world.vm(&fleet).await, world.vm(&fleet).await);
    world.wait_for(waiting.task_id, None, None).await.unwrap();
    for made in [queued, waiting] {
        let task = world.store.task_cancel(made.task_id, &tenant(&fleet.project)).await.unwrap();
        assert_eq!((task.status, task.cancel_by.as_deref()), (TaskStatus::Cancelled, Some("tina")));
        assert_eq!(world.state(made.resource.id).await, State::Closed);
    }
    assert_eq!(world.used(&fleet).await, (0, 0, 0));
}

async fn a_verb_that_never_began_leaves_the_resource_as_it_was(world: World) {
    let fleet = world.fleet().await;
    let id = world.running_vm(&fleet).await.resource.id;
    let task = world.ask(id, State::Quiesce).await.unwrap();
    world.store.task_cancel(task, &operator()).await.unwrap();
    assert_eq!(world.state(id).await, State::Running);
    let task = world.ask(id, State::Scrub).await.unwrap();
    assert_eq!(code(world.store.task_retry(task, &operator(), None).await), codes::TASK_NOT_RETRYABLE.code);
}

async fn a_running_attempt_is_asked_to_stop(world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    let fence = world.claim(made.task_id).await.unwrap().fence;
    let task = world.store.task_cancel(made.task_id, &operator()).await.unwrap();
    assert_eq!(task.status, TaskStatus::Running);
    let told = world.renew(made.task_id, fence).await.unwrap();
    assert_eq!(told.cancel_by.as_deref(), Some("olga"));
    world.settle(made.task_id, fence, Outcome::Cancelled { error: error(), untouched: false }).await.unwrap();
    assert_eq!(world.task(made.task_id).await.status, TaskStatus::Cancelled);
    assert_eq!(world.state(made.resource.id).await, State::Unresourced);
    assert_eq!(world.used(&fleet).await, (1, 1024, 10));
    world.store.task_retry(made.task_id, &operator(), None).await.unwrap();
}

async fn a_task_between_attempts_is_cancelled_at_once(world: World) {
    let fleet = world.fleet().await;
    for waits in [true, false] {
        let made = world.vm(&fleet).await;
        let fence = world.claim(made.task_id).await.unwrap().fence;
        if waits {
            world.wait_for(made.task_id, Some(fence), None).await.unwrap();
        } else {
            world.release(made.task_id, fence).await.unwrap();
        }
        let task = world.store.task_cancel(made.task_id, &operator()).await.unwrap();
        assert_eq!(task.status, TaskStatus::Cancelled);
        assert_eq!(task.error.unwrap().code, "vm_phantom_build_1005");
        assert_eq!(world.state(made.resource.id).await, State::Unresourced);
    }
}

/// Attempts that had begun and only waited: for the lock of another VM's task, say.
async fn what_no_attempt_has_touched_is_as_before(world: World) {
    let fleet = world.fleet().await;
    let id = world.running_vm(&fleet).await.resource.id;
    let wait = |fence| Wait {
        fence: Some(fence),
        reason: "a lock".into(),
        resource_id: None,
        retry_secs: 60,
        fault: None,
        untouched: true,
        steps: Vec::new(),
        steps_total: None,
    };
    let task = world.ask(id, State::Quiesce).await.unwrap();
    let fence = world.claim(task).await.unwrap().fence;
    world.store.task_wait(task, wait(fence), &worker()).await.unwrap();
    world.store.task_cancel(task, &operator()).await.unwrap();
    assert_eq!((world.task(task).await.status, world.state(id).await), (TaskStatus::Cancelled, State::Running));

    let task = world.ask(id, State::Quiesce).await.unwrap();
    let fence = world.claim(task).await.unwrap().fence;
    world.store.task_cancel(task, &operator()).await.unwrap();
    let cancelled = || Outcome::Cancelled { error: error(), untouched: true };
    world.settle(task, fence, cancelled()).await.unwrap();
    world.settle(task, fence, cancelled()).await.unwrap();
    assert_eq!((world.task(task).await.error, world.state(id).await), (None, State::Running));

    // An earlier attempt did.
    let task = world.ask(id, State::Quiesce).await.unwrap();
    let fence = world.claim(task).await.unwrap().fence;
    world.wait_for(task, Some(fence), None).await.unwrap();
    world.pass(60);
    world.store.sweep("d1").await.unwrap();
    let fence = world.claim(task).await.unwrap().fence;
    world.store.task_wait(task, wait(fence), &worker()).await.unwrap();
    world.store.task_cancel(task, &operator()).await.unwrap();
    assert_eq!(world.state(id).await, State::Unresourced);
}

async fn an_attempt_that_was_asked_to_stop_does_not_begin_again(world: World) {
    let fleet = world.fleet().await;
    for waits in [true, false] {
        let made = world.vm(&fleet).await;
        let fence = world.claim(made.task_id).await.unwrap().fence;
        world.store.task_cancel(made.task_id, &operator()).await.unwrap();
        if waits {
            world.wait_for(made.task_id, Some(fence), None).await.unwrap();
        } else {
            world.release(made.task_id, fence).await.unwrap();
        }
        assert_eq!(world.task(made.task_id).await.status, TaskStatus::Cancelled);
        assert_eq!(world.state(made.resource.id).await, State::Unresourced);
    }
}

async fn what_has_ended_cannot_be_cancelled(world: World) {
    let fleet = world.fleet().await;
    let made = world.running_vm(&fleet).await;
    assert_eq!(code(world.store.task_cancel(made.task_id, &operator()).await), codes::TASK_NOT_CANCELLABLE.code);
    assert_eq!(code(world.store.task_cancel(model::TaskId(99), &operator()).await), codes::NOT_YOURS.code);
}
