//! Ends: where resources go, what room they keep, and the grace period.

use super::world::{World, code, error, operator, refusal, worker};
use errors::iaas as codes;
use iaas::fleet::{Outcome, Settle};
use iaas::tenant::Accepted;
use model::State;
use model::event::EventKind;
use model::task::{Plan, TaskStatus};
use model::vm::VmSpec;

crate::tests::suite! {
    a_vm_goes_through_its_life_as_the_state_table_says,
    a_failure_makes_it_unresourced_and_a_retry_leads_back,
    what_may_not_be_asked_is_refused_with_what_may,
    a_settle_without_a_fence_only_refuses_or_plans,
    a_scrubbed_vm_waits_out_its_grace_period_and_gives_its_room_back,
    a_restore_wins_over_a_scrub_that_has_not_begun,
    a_dry_run_leaves_the_resource_alone,
}

async fn a_vm_goes_through_its_life_as_the_state_table_says(world: World) {
    let fleet = world.fleet().await;
    let id = world.running_vm(&fleet).await.resource.id;
    assert_eq!(world.state(id).await, State::Running);
    for (asked, into) in [
        (State::Quiesce, State::Quiesced),
        (State::Restart, State::Running),
        (State::RunningUpdate, State::Running),
        (State::Scrub, State::ScrubQueue),
        (State::Restart, State::Running),
    ] {
        let task = world.ask(id, asked).await.unwrap();
        assert_eq!(world.state(id).await, asked);
        world.carry_out(task).await;
        assert_eq!(world.state(id).await, into);
    }
    let tasks = world.store.task_list(&Default::default(), &operator()).await.unwrap().items;
    assert!(tasks.iter().all(|task| task.status == TaskStatus::Succeeded));
    let read = world.store.resource_read::<VmSpec>(id, &operator()).await.unwrap();
    assert_eq!(read.fence.0, 6);
    assert_eq!(world.used(&fleet).await, (1, 1024, 10));
}

async fn a_failure_makes_it_unresourced_and_a_retry_leads_back(world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    let fence = world.claim(made.task_id).await.unwrap().fence;
    world.settle(made.task_id, fence, Outcome::Failed { error: error() }).await.unwrap();
    let read = world.store.resource_read::<VmSpec>(made.resource.id, &operator()).await.unwrap();
    assert_eq!((read.state, read.error.as_ref()), (State::Unresourced, Some(&error())));
    let history = world.store.resource_history(model::ResourceType::Vm, made.resource.id, &operator()).await.unwrap();
    assert_eq!(history.last().unwrap().error, Some(error()));
    assert_eq!(world.used(&fleet).await, (1, 1024, 10));

    let again = world.store.task_retry(made.task_id, &operator(), None).await.unwrap();
    assert_ne!(again.id, made.task_id);
    assert_eq!((again.verb, again.asked_from), (model::Verb::Build, Some(State::Unresourced)));
    let read = world.store.resource_read::<VmSpec>(made.resource.id, &operator()).await.unwrap();
    assert_eq!((read.state, read.error), (State::Requested, None));
    assert_eq!(code(world.store.task_retry(made.task_id, &operator(), None).await), codes::TASK_NOT_RETRYABLE.code);
    // A retry that is cancelled before it began leaves all as it was, with its error.
    world.store.task_cancel(again.id, &operator()).await.unwrap();
    let read = world.store.resource_read::<VmSpec>(made.resource.id, &operator()).await.unwrap();
    assert_eq!((read.state, read.error), (State::Unresourced, Some(error())));
    // The retry can also be asked for by its state.
    let third = world.ask(made.resource.id, State::Requested).await.unwrap();
    world.carry_out(third).await;
    assert_eq!(world.state(made.resource.id).await, State::Running);
}

async fn what_may_not_be_asked_is_refused_with_what_may(world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    let refused = refusal(world.ask(made.resource.id, State::Quiesce).await);
    assert_eq!((refused.current_state, refused.allowed_states), (Some(State::Requested), Some(Vec::new())));
    world.carry_out(made.task_id).await;
    let refused = refusal(world.ask(made.resource.id, State::Restart).await);
    assert_eq!(
        refused.fault.text(),
        "vm 1 is running; from there one may ask for: quiesce, scrub, running_update. Asked: restart."
    );
    let task = world.ask(made.resource.id, State::Quiesce).await.unwrap();
    let fence = world.claim(task).await.unwrap().fence;
    world.settle(task, fence, Outcome::Failed { error: error() }).await.unwrap();
    let refused = refusal(world.ask(made.resource.id, State::Running).await);
    assert_eq!(refused.allowed_states, Some(vec![State::Quiesce, State::Scrub]));
    assert_eq!(code(world.store.task_retry(made.task_id, &operator(), None).await), codes::TASK_NOT_RETRYABLE.code);
}

async fn a_settle_without_a_fence_only_refuses_or_plans(world: World) {
    let fleet = world.fleet().await;
    let made = world.vm(&fleet).await;
    let settle = |outcome| {
        let settle = Settle {
            fence: None,
            worker: "w1".into(),
            outcome,
            facts: Default::default(),
            steps: Vec::new(),
            steps_total: None,
        };
        let (store, id) = (world.store.clone(), made.task_id);
        async move { store.task_settle(id, settle, &worker()).await }
    };
    assert_eq!(code(settle(Outcome::Succeeded).await), codes::CLAIM_REFUSED.code);
    assert_eq!(code(settle(Outcome::Planned { plan: Plan::default() }).await), codes::CLAIM_REFUSED.code);
    let fence = world.claim(made.task_id).await.unwrap().fence;
    assert_eq!(code(settle(Outcome::Failed { error: error() }).await), codes::CLAIM_REFUSED.code);
    world.release(made.task_id, fence).await.unwrap();
    settle(Outcome::Failed { error: error() }).await.unwrap();
    assert_eq!(world.state(made.resource.id).await, State::Unresourced);
}

async fn a_scrubbed_vm_waits_out_its_grace_period_and_gives_its_room_back(world: World) {
    let fleet = world.fleet().await;
    let id = world.running_vm(&fleet).await.resource.id;
    let task = world.ask(id, State::Scrub).await.unwrap();
    world.carry_out(task).await;
    world.pass(168 * 3600 - 1);
    assert_eq!(world.store.sweep("d1").await.unwrap().due, 0);
    world.pass(1);
    assert_eq!(world.store.sweep("d1").await.unwrap().due, 1);
    assert_eq!(world.store.sweep("d1").await.unwrap().due, 0);
    let read = world.store.resource_read::<VmSpec>(id, &operator()).await.unwrap();
    assert_eq!(read.state, State::ScrubQueue);
    assert_eq!(world.used(&fleet).await, (1, 1024, 10));
    world.carry_out(read.task_id.unwrap()).await;
    assert_eq!(world.state(id).await, State::Closed);
    assert_eq!(world.used(&fleet).await, (0, 0, 0));
    let open = world.store.resource_list::<VmSpec>(&Default::default(), &operator()).await.unwrap();
    assert!(open.items.is_empty());
    let filter = iaas::tenant::ResourceFilter { closed: true, ..Default::default() };
    assert_eq!(world.store.resource_list::<VmSpec>(&filter, &operator()).await.unwrap().items.len(), 1);
}

async fn a_restore_wins_over_a_scrub_that_has_not_begun(world: World) {
    let fleet = world.fleet().await;
    let id = world.running_vm(&fleet).await.resource.id;
    let task = world.ask(id, State::Scrub).await.unwrap();
    world.carry_out(task).await;
    world.pass(168 * 3600);
    world.store.sweep("d1").await.unwrap();
    let scrub = world.store.resource_read::<VmSpec>(id, &operator()).await.unwrap().task_id.unwrap();
    let restore = world.ask(id, State::Restart).await.unwrap();
    assert_eq!(world.task(scrub).await.status, TaskStatus::Cancelled);
    assert_eq!(code(world.claim(scrub).await), codes::CLAIM_REFUSED.code);
    world.carry_out(restore).await;
    assert_eq!(world.state(id).await, State::Running);

    // A due scrub that is cancelled gives another grace period, and one that was claimed can no longer be stopped so.
    let task = world.ask(id, State::Scrub).await.unwrap();
    world.carry_out(task).await;
    world.pass(168 * 3600);
    world.store.sweep("d1").await.unwrap();
    let scrub = world.store.resource_read::<VmSpec>(id, &operator()).await.unwrap().task_id.unwrap();
    world.store.task_cancel(scrub, &operator()).await.unwrap();
    assert_eq!((world.state(id).await, world.store.sweep("d1").await.unwrap().due), (State::ScrubQueue, 0));
    world.pass(168 * 3600);
    assert_eq!(world.store.sweep("d1").await.unwrap().due, 1);
    let scrub = world.store.resource_read::<VmSpec>(id, &operator()).await.unwrap().task_id.unwrap();
    world.claim(scrub).await.unwrap();
    assert_eq!(code(world.ask(id, State::Restart).await), codes::STATE_NOT_ALLOWED.code);
}

async fn a_dry_run_leaves_the_resource_alone(world: World) {
    let fleet = world.fleet().await;
    let made = world.running_vm(&fleet).await;
    let id = made.resource.id;
    let planned: Accepted<VmSpec> =
        world.store.resource_ask(id, State::Quiesce, &operator(), None, true).await.unwrap();
    assert_eq!(planned.resource, made.resource);
    let given = world.store.assignment(planned.task_id, &worker()).await.unwrap();
    assert_eq!((given.task.dry_run, given.resource.state), (true, State::Quiesce));
    // Meanwhile the VM can be asked for something else.
    let real = world.ask(id, State::Scrub).await.unwrap();
    let plan = Plan { locks: vec!["host/phantom-1".into()], steps: Vec::new(), actual: None };
    let outcome = Outcome::Planned { plan: plan.clone() };
    let settle = Settle {
        fence: None,
        worker: "w1".into(),
        outcome,
        facts: Default::default(),
        steps: Vec::new(),
        steps_total: None,
    };
    world.store.task_settle(planned.task_id, settle, &worker()).await.unwrap();
    let task = world.task(planned.task_id).await;
    assert_eq!((task.status, task.plan), (TaskStatus::Succeeded, Some(plan)));
    assert_eq!(world.state(id).await, State::Scrub);
    world.carry_out(real).await;
    let events = world.store.events_after(model::EventSeq(0), 1000, None).await.unwrap();
    let ended = events.iter().filter(|event| event.event == EventKind::TaskEnded).count();
    assert_eq!(ended, 3);
}
