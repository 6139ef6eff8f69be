//! Waits, and what ends them.

use super::world::{World, code, error, operator, worker};
use errors::iaas as codes;
use iaas::fleet::{Outcome, Wait};
use model::State;
use model::event::EventKind;
use model::task::TaskStatus;

crate::tests::suite! {
    the_next_stable_state_of_what_is_waited_for_wakes_the_task,
    a_failure_of_what_is_waited_for_wakes_the_task_too,
    a_change_between_reading_and_waiting_is_not_missed,
    a_resource_that_was_stable_before_does_not_wake_again_and_again,
    the_timer_wakes_when_nothing_else_does,
    a_fault_counts_and_a_wait_that_goes_on_keeps_its_beginning,
    a_queued_task_shows_that_its_worker_is_silent,
}

async fn the_next_stable_state_of_what_is_waited_for_wakes_the_task(world: World) {
    let fleet = world.fleet().await;
    let (router, vm) = (world.router(&fleet).await, world.vm(&fleet).await);
    world.feed().await;
    world.wait_for(vm.task_id, None, Some(router.resource.id)).await.unwrap();
    let task = world.task(vm.task_id).await;
    assert_eq!(task.status, TaskStatus::Waiting);
    let waiting = task.waiting_for.unwrap();
    assert_eq!((waiting.reason.as_str(), waiting.resource_id), ("something else", Some(router.resource.id)));
    let fence = world.claim(router.task_id).await.unwrap().fence;
    assert_eq!(world.task(vm.task_id).await.status, TaskStatus::Waiting);
    assert!(world.feed().await.is_empty());
    world.settle(router.task_id, fence, Outcome::Succeeded).await.unwrap();
    assert_eq!(world.task(vm.task_id).await.status, TaskStatus::Queued);
    assert_eq!(world.feed().await, [vm.task_id]);
    world.carry_out(vm.task_id).await;
}

async fn a_failure_of_what_is_waited_for_wakes_the_task_too(world: World) {
    let fleet = world.fleet().await;
    let (router, vm) = (world.router(&fleet).await, world.vm(&fleet).await);
    let fence = world.claim(vm.task_id).await.unwrap().fence;
    world.wait_for(vm.task_id, Some(fence), Some(router.resource.id)).await.unwrap();
    world.wait_for(vm.task_id, Some(fence), Some(router.resource.id)).await.unwrap();
    let fence = world.claim(router.task_id).await.unwrap().fence;
    world.settle(router.task_id, fence, Outcome::Failed { error: error() }).await.unwrap();
    assert_eq!(world.task(vm.task_id).await.status, TaskStatus::Queued);
}

async fn a_change_between_reading_and_waiting_is_not_missed(world: World) {
    let fleet = world.fleet().await;
    let (router, vm) = (world.router(&fleet).await, world.vm(&fleet).await);
    let read = world.store.assignment(vm.task_id, &worker()).await.unwrap();
    assert_eq!(read.related[0].state, State::Requested);
    world.carry_out(router.task_id).await;
    world.feed().await;
    world.wait_for(vm.task_id, None, Some(router.resource.id)).await.unwrap();
    assert_eq!(world.task(vm.task_id).await.status, TaskStatus::Queued);
    assert_eq!(world.feed().await, [vm.task_id]);
    // It was woken for that change once; now it is waiting for the next one.
    world.wait_for(vm.task_id, None, Some(router.resource.id)).await.unwrap();
    assert_eq!(world.task(vm.task_id).await.status, TaskStatus::Waiting);
}

async fn a_resource_that_was_stable_before_does_not_wake_again_and_again(world: World) {
    let fleet = world.fleet().await;
    let router = world.router(&fleet).await;
    world.carry_out(router.task_id).await;
    let vm = world.vm(&fleet).await;
    world.wait_for(vm.task_id, None, Some(router.resource.id)).await.unwrap();
    assert_eq!(world.task(vm.task_id).await.status, TaskStatus::Waiting);
}

async fn the_timer_wakes_when_nothing_else_does(world: World) {
    let fleet = world.fleet().await;
    let vm = world.vm(&fleet).await;
    world.feed().await;
    world.wait_for(vm.task_id, None, None).await.unwrap();
    world.pass(59);
    assert_eq!(world.store.sweep("d1").await.unwrap().woken, 0);
    world.pass(1);
    assert_eq!(world.store.sweep("d1").await.unwrap().woken, 1);
    assert_eq!(world.feed().await, [vm.task_id]);
    // A worker may claim a waiting task too: its message may come late.
    world.wait_for(vm.task_id, None, None).await.unwrap();
    world.claim(vm.task_id).await.unwrap();
    assert_eq!(code(world.wait_for(vm.task_id, None, None).await), codes::CLAIM_REFUSED.code);
}

async fn a_fault_counts_and_a_wait_that_goes_on_keeps_its_beginning(world: World) {
    let fleet = world.fleet().await;
    let vm = world.vm(&fleet).await;
    let began = world.now();
    for round in 1..=2 {
        let fence = world.claim(vm.task_id).await.unwrap().fence;
        let wait = Wait {
            fence: Some(fence),
            reason: "host phantom-1".into(),
            resource_id: None,
            retry_secs: 30,
            fault: Some(error()),
            untouched: false,
            steps: Vec::new(),
            steps_total: None,
        };
        world.store.task_wait(vm.task_id, wait, &worker()).await.unwrap();
        let task = world.task(vm.task_id).await;
        assert_eq!((task.faults, task.error), (round, Some(error())));
        assert_eq!(task.waiting_for.unwrap().since, began);
        world.pass(30);
        world.store.sweep("d1").await.unwrap();
    }
    assert_eq!(world.state(vm.resource.id).await, State::Building);
    let events = world.store.events_after(model::EventSeq(0), 1000, None).await.unwrap();
    assert_eq!(events.iter().filter(|event| event.event == EventKind::TaskWaiting).count(), 2);
}

async fn a_queued_task_shows_that_its_worker_is_silent(world: World) {
    let fleet = world.fleet().await;
    let vm = world.vm(&fleet).await;
    let report = model::server::WorkerReport {
        worker: "w1".into(),
        version: "1".into(),
        drivers: Vec::new(),
        host_error: None,
        devices: Vec::new(),
        warnings: Vec::new(),
        seen_at: model::Moment::UNIX_EPOCH,
    };
    let server = world.store.worker_report("phantom-1", report.clone(), &worker()).await.unwrap();
    assert_eq!(server.worker.unwrap().seen_at, world.now());
    assert_eq!(server.version, fleet.server.version);
    assert!(world.task(vm.task_id).await.waiting_for.is_none());
    world.pass(42);
    let task = world.store.task_read(vm.task_id, &operator()).await.unwrap();
    assert_eq!(task.waiting_for.unwrap().reason, "worker of phantom-1, last seen 42 s ago");
    assert_eq!(code(world.store.worker_report("kvm-9", report, &worker()).await), codes::NOT_FOUND.code);
}
