//! Two nodes that hold one router: the standby follows, and neither waits for the other.

use super::world::{Fleet, World, code, operator, tenant, worker};
use errors::{Fault, iaas as codes};
use iaas::fleet::Outcome;
use iaas::tenant::{Accepted, Create, ResourceFilter};
use model::server::WorkerReport;
use model::task::{ErrorRecord, TaskStatus};
use model::virtual_router::{VirtualRouter, VirtualRouterSpec};
use model::{ResourceId, ResourceType, ServerType, State, TaskId};
use serde_json::{Value, json};

crate::tests::suite! {
    a_standby_stands_elsewhere_and_is_built_beside_its_router,
    a_standby_follows_its_router_through_its_life,
    a_standby_whose_node_is_away_keeps_nobody_waiting_and_is_brought_level,
    a_router_whose_node_is_away_is_changed_on_its_standby,
    a_router_gains_a_standby_and_loses_it,
    what_was_asked_of_a_pair_is_taken_back,
    a_standby_is_asked_nothing,
    a_vm_needs_one_of_the_two,
}

impl World {
    async fn nodes(&self) -> Fleet {
        let fleet = self.fleet().await;
        self.server("router-1", ServerType::Router, (1, 2, 1)).await;
        self.server("router-2", ServerType::Router, (1, 1, 1)).await;
        fleet
    }

    async fn try_pair(&self, fleet: &Fleet, pair: Value) -> crate::Answer<Accepted<VirtualRouterSpec>> {
        let mut spec = json!({
            "segments": [{"name": "web", "address": "10.1.0.1/24"}], "address": "203.0.113.7/24", "server": 2,
        });
        spec["pair"] = pair;
        let spec: VirtualRouterSpec = serde_json::from_value(spec).expect("a wish");
        let wish = Create { project_id: fleet.project.id, name: "router".into(), spec };
        self.store.resource_create(wish, &operator(), None, None).await
    }

    /// Both built.
    async fn pair(&self, fleet: &Fleet) -> (ResourceId, ResourceId) {
        let made = self.try_pair(fleet, json!({})).await.expect("a router");
        let second = made.resource.spec.pair.and_then(|pair| pair.second).expect("its standby");
        self.works(made.resource.id).await;
        self.works(second).await;
        (made.resource.id, second)
    }

    async fn half(&self, id: ResourceId) -> VirtualRouter {
        self.store.resource_read(id, &operator()).await.expect("a router")
    }

    async fn states(&self, (first, second): (ResourceId, ResourceId)) -> (State, State) {
        (self.half(first).await.state, self.half(second).await.state)
    }

    /// What it was asked for last is carried out.
    async fn works(&self, id: ResourceId) {
        self.carry_out(self.half(id).await.task_id.expect("a task")).await;
    }

    async fn wants(&self, id: ResourceId, patch: Value) -> crate::Answer<Accepted<VirtualRouterSpec>> {
        let version = self.half(id).await.version;
        self.store.resource_change(id, version, patch, &operator(), None, false).await
    }

    async fn asks(&self, id: ResourceId, state: State) -> TaskId {
        let asked = self.store.resource_ask::<VirtualRouterSpec>(id, state, &operator(), None, false).await;
        asked.expect("it is accepted").task_id
    }

    async fn away(&self, id: ResourceId) {
        let task = self.half(id).await.task_id.expect("a task");
        let fence = self.claim(task).await.expect("a claim").fence;
        let fault = Fault::new(&errors::driver::TASK_DEADLINE).hole("deadline_secs", 1).hole("waiting_for", "its node");
        let error = ErrorRecord::of(&fault, None, None);
        self.settle(task, fence, Outcome::Failed { error }).await.expect("an end");
    }

    async fn is_seen(&self, host: &str) {
        let report: WorkerReport = serde_json::from_value(json!({
            "worker": "w1", "version": "1", "drivers": [], "host_error": null, "seen_at": "2026-01-01T00:00:00Z",
        }))
        .expect("a report");
        self.store.worker_report(host, report, &worker()).await.expect("it is heard");
    }
}

async fn a_standby_stands_elsewhere_and_is_built_beside_its_router(world: World) {
    let fleet = world.nodes().await;
    let made = world.try_pair(&fleet, json!({"first": 77, "second": 78})).await.unwrap().resource;
    let pair = made.spec.pair.clone().unwrap();
    assert_eq!(pair.first, Some(made.id), "what a tenant writes there is not believed");
    let second = world.half(pair.second.unwrap()).await;
    assert_eq!((made.host.as_str(), second.host.as_str()), ("router-1", "router-2"));
    assert_eq!((second.state, &second.spec), (State::Requested, &made.spec));
    let shown = world.half(made.id).await.facts["standby"].clone();
    assert_eq!(shown, json!({"id": second.id, "host": "router-2", "state": "requested", "level": false}));
    let task = world.task(second.task_id.unwrap()).await;
    assert_eq!((task.host.as_str(), task.resource_id), ("router-2", second.id));
    world.works(second.id).await;
    assert_eq!(world.states((made.id, second.id)).await, (State::Requested, State::Running), "neither waits");
    world.works(made.id).await;
    assert_eq!(world.half(made.id).await.facts["standby"]["level"], json!(true));
    let listed = world.store.resource_list::<VirtualRouterSpec>(&ResourceFilter::default(), &operator()).await.unwrap();
    assert_eq!(listed.items.len(), 2);

    let mut other = fleet;
    other.project = world.project().await;
    let same = world.try_pair(&other, json!({"server": 2})).await;
    assert_eq!(code(same), codes::SPEC_INVALID.code, "not on its own node");
    let phantom = world.try_pair(&other, json!({"server": 1})).await;
    assert_eq!(code(phantom), codes::SPEC_INVALID.code, "nor on one of another type");
    world.try_pair(&other, json!({"server": 3})).await.unwrap();
}

async fn a_standby_follows_its_router_through_its_life(world: World) {
    let fleet = world.nodes().await;
    let pair = world.pair(&fleet).await;
    let (first, second) = pair;
    world.wants(first, json!({"dns": ["192.0.2.53"]})).await.unwrap();
    assert_eq!(world.states(pair).await, (State::RunningUpdate, State::RunningUpdate));
    assert_eq!(world.half(second).await.spec, world.half(first).await.spec);
    // It is still at work when more is asked: that comes next.
    world.works(first).await;
    world.asks(first, State::Quiesce).await;
    world.works(first).await;
    assert_eq!(world.states(pair).await, (State::Quiesced, State::RunningUpdate));
    world.works(second).await;
    assert_eq!(world.states(pair).await, (State::Quiesced, State::Quiesce));
    world.works(second).await;
    world.wants(first, json!({"dns": []})).await.unwrap();
    world.works(second).await;
    assert_eq!(world.states(pair).await, (State::QuiescedUpdate, State::Quiesced));
    world.works(first).await;
    world.asks(first, State::Scrub).await;
    world.works(first).await;
    world.works(second).await;
    assert_eq!(world.states(pair).await, (State::ScrubQueue, State::ScrubQueue));
    world.asks(first, State::Restart).await;
    world.works(first).await;
    world.works(second).await;
    assert_eq!(world.states(pair).await, (State::Running, State::Running));
    // A VM is heard of on both.
    world.vm(&fleet).await;
    assert_eq!(world.states(pair).await, (State::RunningUpdate, State::RunningUpdate));
    world.works(first).await;
    world.works(second).await;
    world.asks(first, State::Scrub).await;
    world.works(first).await;
    world.works(second).await;
    world.pass(168 * 3600);
    world.store.sweep("d1").await.unwrap();
    assert_eq!(world.half(second).await.state, State::ScrubQueue, "it goes when its router does");
    world.works(first).await;
    world.works(second).await;
    assert_eq!(world.states(pair).await, (State::Closed, State::Closed));
}

async fn a_standby_whose_node_is_away_keeps_nobody_waiting_and_is_brought_level(world: World) {
    let fleet = world.nodes().await;
    let pair = world.pair(&fleet).await;
    let (first, second) = pair;
    for dns in ["192.0.2.53", "192.0.2.54"] {
        world.wants(first, json!({"dns": [dns]})).await.unwrap();
        world.works(first).await;
    }
    assert_eq!(world.states(pair).await, (State::Running, State::RunningUpdate));
    world.away(second).await;
    assert_eq!(world.states(pair).await, (State::Running, State::Unresourced));
    assert_eq!(world.half(first).await.facts["standby"]["level"], json!(false));
    world.pass(31);
    world.store.sweep("d1").await.unwrap();
    assert_eq!(world.half(second).await.state, State::Unresourced, "its worker is not there");
    world.is_seen("router-2").await;
    world.store.sweep("d1").await.unwrap();
    assert_eq!(world.half(second).await.state, State::RunningUpdate);
    world.works(second).await;
    assert_eq!(world.half(second).await.spec, world.half(first).await.spec);
    assert_eq!(world.half(first).await.facts["standby"]["level"], json!(true));

    // A failure of another kind waits for the next change, or for the owner.
    world.wants(first, json!({"dns": []})).await.unwrap();
    let failed = world.half(second).await.task_id.unwrap();
    let fence = world.claim(failed).await.unwrap().fence;
    world.settle(failed, fence, Outcome::Failed { error: super::world::error() }).await.unwrap();
    world.works(first).await;
    world.pass(31);
    world.is_seen("router-2").await;
    world.store.sweep("d1").await.unwrap();
    assert_eq!(world.states(pair).await, (State::Running, State::Unresourced));
    world.store.task_retry(failed, &operator(), None).await.unwrap();
    world.works(second).await;
    assert_eq!(world.half(first).await.facts["standby"]["level"], json!(true));
}

async fn a_router_whose_node_is_away_is_changed_on_its_standby(world: World) {
    let fleet = world.nodes().await;
    let pair = world.pair(&fleet).await;
    let (first, second) = pair;
    world.wants(first, json!({"dns": ["192.0.2.53"]})).await.unwrap();
    world.away(first).await;
    world.works(second).await;
    assert_eq!(world.states(pair).await, (State::Unresourced, State::Running));
    world.wants(first, json!({"dns": ["192.0.2.54"]})).await.unwrap();
    world.away(first).await;
    world.works(second).await;
    let dns = world.half(second).await.spec.dns;
    assert_eq!(dns, ["192.0.2.54".parse::<std::net::IpAddr>().unwrap()]);
    world.pass(31);
    world.is_seen("router-1").await;
    world.store.sweep("d1").await.unwrap();
    assert_eq!(world.half(first).await.state, State::RunningUpdate);
    world.works(first).await;
    assert_eq!(world.states(pair).await, (State::Running, State::Running));
}

async fn a_router_gains_a_standby_and_loses_it(world: World) {
    let fleet = world.nodes().await;
    let made = world.try_pair(&fleet, Value::Null).await.unwrap();
    let first = made.resource.id;
    world.works(first).await;
    let version = world.half(first).await.version;
    let planned: Accepted<VirtualRouterSpec> =
        world.store.resource_change(first, version, json!({"pair": {}}), &operator(), None, true).await.unwrap();
    let dry = world.store.assignment(planned.task_id, &worker()).await.unwrap();
    assert!(dry.resource.spec["pair"]["second"].is_number(), "a plan has a number: {:?}", dry.resource.spec);
    assert_eq!(world.half(first).await.spec.pair, None);

    let gained = world.wants(first, json!({"pair": {}})).await.unwrap().resource;
    let second = gained.spec.pair.unwrap().second.unwrap();
    assert_eq!(world.states((first, second)).await, (State::RunningUpdate, State::Requested));
    world.works(first).await;
    world.works(second).await;
    let moved = world.wants(first, json!({"pair": {"server": 2}})).await;
    assert_eq!(code(moved), codes::SPEC_INVALID.code);

    let lost = world.wants(first, json!({"pair": null})).await.unwrap();
    assert_eq!(world.states((first, second)).await, (State::RunningUpdate, State::Scrub));
    let related = world.store.assignment(lost.task_id, &worker()).await.unwrap().related;
    let related: Vec<_> = related.iter().map(|one| (one.id, one.state)).collect();
    assert_eq!(related, [(second, State::Scrub)], "the router may wait for it");
    world.works(second).await;
    assert_eq!(world.half(second).await.state, State::ScrubQueue, "it may still be taken back");
    world.works(first).await;
    world.vm(&fleet).await;
    let scrub = world.half(second).await.task_id.unwrap();
    assert!(world.store.assignment(scrub, &worker()).await.unwrap().related.is_empty(), "VMs are its router's");
    world.works(second).await;
    assert_eq!(world.half(second).await.state, State::Closed);
    world.works(first).await;
    assert!(!world.half(first).await.facts.contains_key("standby"));
    let again = world.wants(first, json!({"pair": {}})).await.unwrap().resource;
    assert_ne!(again.spec.pair.unwrap().second, Some(second));
}

async fn what_was_asked_of_a_pair_is_taken_back(world: World) {
    let fleet = world.nodes().await;
    let pair = world.pair(&fleet).await;
    let (first, second) = pair;
    let before = world.half(first).await.spec;
    let lost = world.wants(first, json!({"pair": null})).await.unwrap();
    world.works(second).await;
    world.store.task_cancel(lost.task_id, &operator()).await.unwrap();
    assert_eq!(world.half(first).await.spec, before);
    assert_eq!(world.states(pair).await, (State::Running, State::Restart));
    world.works(second).await;
    let change = world.wants(first, json!({"dns": ["192.0.2.53"]})).await.unwrap();
    world.works(second).await;
    world.store.task_cancel(change.task_id, &operator()).await.unwrap();
    world.works(second).await;
    assert_eq!(world.half(second).await.spec, before);
}

async fn a_standby_is_asked_nothing(world: World) {
    let fleet = world.nodes().await;
    let (first, second) = world.pair(&fleet).await;
    let asked = world.store.resource_ask::<VirtualRouterSpec>(second, State::Quiesce, &operator(), None, false).await;
    assert_eq!(code(asked), codes::ROUTER_STANDBY.code);
    assert_eq!(code(world.wants(second, json!({"dns": []})).await), codes::ROUTER_STANDBY.code);
    world.wants(first, json!({"dns": ["192.0.2.53"]})).await.unwrap();
    let task = world.half(second).await.task_id.unwrap();
    assert_eq!(code(world.store.task_cancel(task, &tenant(&fleet.project)).await), codes::ROUTER_STANDBY.code);
    assert_eq!(world.task(task).await.status, TaskStatus::Queued);
    let more = world.try_pair(&fleet, Value::Null).await;
    assert_eq!(code(more), codes::ROUTER_EXISTS.code);
}

async fn a_vm_needs_one_of_the_two(world: World) {
    let fleet = world.nodes().await;
    let made = world.try_pair(&fleet, json!({})).await.unwrap().resource;
    let (first, second) = (made.id, made.spec.pair.unwrap().second.unwrap());
    let vm = world.vm(&fleet).await;
    let needed = async || {
        let related = world.store.assignment(vm.task_id, &worker()).await.unwrap().related;
        assert!(related.iter().all(|one| one.resource_type == ResourceType::VirtualRouter));
        related.iter().map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(needed().await, [first]);
    world.works(second).await;
    assert_eq!(needed().await, [second], "it serves alone");
    world.works(first).await;
    assert_eq!(needed().await, [first]);
}
