//! What is found to differ, and what is done about it.

use super::world::{World, error, operator, worker};
use iaas::fleet::{Outcome, Settle};
use iaas::tenant::DriftFilter;
use model::drift::{Drift, DriftPolicy};
use model::task::{Plan, PlannedStep, TaskStatus};
use model::vm::VmSpec;
use model::{ResourceId, ServerType, State, TaskId};
use serde_json::{Value, json};

crate::tests::suite! {
    a_resource_at_rest_is_looked_at_when_its_time_has_come,
    what_a_look_would_do_is_its_drift_until_it_is_mended,
    a_look_that_crossed_a_change_says_nothing,
    a_repair_is_an_update_to_the_same_wish,
    a_look_that_failed_is_shown_and_repairs_nothing,
    a_dry_run_of_a_tenant_is_no_look,
    there_is_one_look_at_a_time_and_it_does_not_wait,
    what_is_adopted_is_in_the_record_and_in_the_servers_room,
}

impl World {
    async fn drift(&self, id: ResourceId) -> Option<Drift> {
        self.store.resource_read::<VmSpec>(id, &operator()).await.expect("a VM").drift
    }

    /// Ends a look with what it would do.
    async fn looked(&self, task: TaskId, todo: &[&str], actual: Option<Value>) {
        let fence = self.claim(task).await.expect("a claim").fence;
        let step = |name: &&str| PlannedStep { name: (*name).to_owned(), ..PlannedStep::default() };
        let done = PlannedStep { already_so: true, ..step(&"folder") };
        let steps = [done].into_iter().chain(todo.iter().map(step)).collect();
        let outcome = Outcome::Planned { plan: Plan { steps, actual, ..Plan::default() } };
        let settle = Settle {
            fence: Some(fence),
            worker: "w1".into(),
            outcome,
            facts: Default::default(),
            steps: Vec::new(),
            steps_total: None,
        };
        self.store.task_settle(task, settle, &worker()).await.expect("an end");
    }

    async fn kvm_vm(&self, policy: &str) -> ResourceId {
        let mut fleet = self.fleet().await;
        fleet.server = self.server("kvm-1", ServerType::Kvm, (10, 10_240, 1000)).await;
        let mut spec = fleet.server.spec.clone();
        spec.settings.drift = serde_json::from_value(json!(policy)).expect("a policy");
        self.store.server_change(fleet.server.id, fleet.server.version, &json!(spec)).await.expect("it is set");
        let mut wish = fleet.vm("web-1");
        wish.spec.server = Some(fleet.server.id);
        let made = self.store.resource_create(wish, &operator(), None, None).await.expect("a VM");
        self.carry_out(made.task_id).await;
        made.resource.id
    }

    async fn check(&self, id: ResourceId) -> TaskId {
        let asked = self.store.drift_act(id, DriftPolicy::Report, &operator()).await.expect("a look");
        asked.expect("a task")
    }
}

async fn a_resource_at_rest_is_looked_at_when_its_time_has_come(world: World) {
    let id = world.kvm_vm("report").await;
    world.feed().await;
    world.store.sweep("d1").await.unwrap();
    assert!(world.feed().await.is_empty(), "it was just made");
    world.pass(24 * 3600 + 1);
    world.store.sweep("d1").await.unwrap();
    let looks = world.feed().await;
    assert_eq!(looks.len(), 1);
    let task = world.task(looks[0]).await;
    assert!(task.dry_run && task.asked_by == "drift", "{task:?}");
    world.looked(looks[0], &[], None).await;
    assert_eq!((world.drift(id).await, world.state(id).await), (None, State::Running));
    world.store.sweep("d1").await.unwrap();
    assert!(world.feed().await.is_empty(), "once a day");
    // Its task is forgotten after a while.
    world.pass(3601);
    world.store.sweep("d1").await.unwrap();
    assert!(world.store.task_read(looks[0], &operator()).await.is_err());
}

async fn what_a_look_would_do_is_its_drift_until_it_is_mended(world: World) {
    let id = world.kvm_vm("report").await;
    world.looked(world.check(id).await, &["power on"], None).await;
    let first = world.drift(id).await.unwrap();
    assert_eq!(first.steps, ["power on"]);
    world.pass(60);
    world.looked(world.check(id).await, &["power on", "disk data"], None).await;
    let second = world.drift(id).await.unwrap();
    assert_eq!((second.since, second.steps.len()), (first.since, 2));
    assert!(second.checked_at > first.checked_at);
    let listed = world.store.drift_list(&DriftFilter::default(), &operator()).await.unwrap().items;
    assert_eq!(listed.iter().map(|drifted| drifted.id).collect::<Vec<_>>(), [id]);
    // One that cannot even be looked at says why.
    let task = world.check(id).await;
    let fence = world.claim(task).await.unwrap().fence;
    world.settle(task, fence, Outcome::Failed { error: error() }).await.unwrap();
    assert_eq!(world.drift(id).await.unwrap().error, Some(error()));
    assert_eq!(world.state(id).await, State::Running);
    world.looked(world.check(id).await, &[], None).await;
    assert_eq!(world.drift(id).await, None);
    assert!(world.store.drift_list(&DriftFilter::default(), &operator()).await.unwrap().items.is_empty());
}

async fn a_look_that_crossed_a_change_says_nothing(world: World) {
    let id = world.kvm_vm("repair").await;
    let look = world.check(id).await;
    let change = world.ask(id, State::Quiesce).await.unwrap();
    world.carry_out(change).await;
    world.looked(look, &["power on"], None).await;
    assert_eq!((world.drift(id).await, world.state(id).await), (None, State::Quiesced));
}

async fn a_repair_is_an_update_to_the_same_wish(world: World) {
    let id = world.kvm_vm("repair").await;
    let before = world.store.resource_read::<VmSpec>(id, &operator()).await.unwrap().spec;
    world.looked(world.check(id).await, &["power on"], None).await;
    let now = world.store.resource_read::<VmSpec>(id, &operator()).await.unwrap();
    assert_eq!((now.state, now.spec), (State::RunningUpdate, before));
    assert!(now.drift.is_some());
    world.carry_out(now.task_id.unwrap()).await;
    assert_eq!((world.drift(id).await, world.state(id).await), (None, State::Running));
}

async fn what_is_adopted_is_in_the_record_and_in_the_servers_room(world: World) {
    let id = world.kvm_vm("adopt").await;
    world.looked(world.check(id).await, &["2 processors"], Some(json!({"cpu": 3, "ram_mb": 2048}))).await;
    let now = world.store.resource_read::<VmSpec>(id, &operator()).await.unwrap();
    assert_eq!((now.spec.cpu, now.spec.ram_mb, now.state, now.drift), (3, 2048, State::Running, None));
    let used = world.store.server_read(now.server_id).await.unwrap().used;
    assert_eq!((used.cores, used.ram_mb), (3, 2048));
}

async fn a_look_that_failed_is_shown_and_repairs_nothing(world: World) {
    let id = world.kvm_vm("repair").await;
    let task = world.check(id).await;
    let fence = world.claim(task).await.unwrap().fence;
    world.settle(task, fence, Outcome::Failed { error: error() }).await.unwrap();
    assert_eq!(world.drift(id).await.unwrap().error, Some(error()));
    assert_eq!(world.state(id).await, State::Running);
}

async fn a_dry_run_of_a_tenant_is_no_look(world: World) {
    let id = world.kvm_vm("repair").await;
    let asked = world.store.resource_ask::<VmSpec>(id, State::RunningUpdate, &operator(), None, true).await.unwrap();
    world.looked(asked.task_id, &["power on"], None).await;
    assert_eq!((world.drift(id).await, world.state(id).await), (None, State::Running));
}

async fn there_is_one_look_at_a_time_and_it_does_not_wait(world: World) {
    let id = world.kvm_vm("report").await;
    let first = world.check(id).await;
    assert_eq!(world.check(id).await, first);
    world.pass(600);
    world.store.sweep("d1").await.unwrap();
    assert_eq!(world.check(id).await, first);
    let fence = world.claim(first).await.unwrap().fence;
    world.wait_for(first, Some(fence), None).await.unwrap();
    assert_eq!(world.task(first).await.status, TaskStatus::Cancelled, "the host is away");
    assert_eq!((world.drift(id).await, world.state(id).await), (None, State::Running));
    assert_ne!(world.check(id).await, first);
}
