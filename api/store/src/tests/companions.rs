//! What belongs together: segments of a project, a router and its VMs, a VM and what names it.

use super::world::{Fleet, World, code, operator, worker};
use errors::iaas as codes;
use iaas::fleet::{Assignment, Outcome, Settle};
use iaas::tenant::{Accepted, Create};
use model::ceph::CephSpec;
use model::resource::Spec;
use model::snapshot::SnapshotSpec;
use model::virtual_router::VirtualRouterSpec;
use model::vm::VmSpec;
use model::{Fence, ResourceId, ResourceType, SegmentId, ServerType, State, TaskId};
use serde_json::{Value, json};

crate::tests::suite! {
    a_segment_has_one_number_in_its_project_and_another_elsewhere,
    a_router_hears_of_its_projects_vms,
    a_router_that_is_at_work_looks_again_once_it_is_at_rest,
    what_names_a_vm_gets_its_record_and_keeps_it_from_being_scrubbed,
    a_volume_is_attached_where_its_vm_stands,
    a_volume_that_could_not_be_attached_can_be_taken_from_its_vm,
    a_router_hears_of_what_was_taken_back,
    facts_are_kept_with_the_resource_and_null_takes_one_away,
}

impl World {
    async fn make<S: Spec>(&self, fleet: &Fleet, spec: Value) -> Accepted<S> {
        let spec = serde_json::from_value(spec).expect("a wish");
        let wish = Create { project_id: fleet.project.id, name: "made".into(), spec };
        self.store.resource_create(wish, &operator(), None, None).await.expect("it is made")
    }

    async fn patch<S: Spec>(&self, id: ResourceId, patch: Value) -> Accepted<S> {
        let version = self.store.resource_read::<S>(id, &operator()).await.expect("it is there").version;
        let changed = self.store.resource_change(id, version, patch, &operator(), None, false).await;
        changed.expect("it is changed")
    }

    async fn assignment(&self, id: TaskId) -> Assignment {
        self.store.assignment(id, &worker()).await.expect("an assignment")
    }

    async fn router_on_web(&self, fleet: &Fleet) -> Accepted<VirtualRouterSpec> {
        self.make(fleet, json!({"segments": [{"name": "web", "address": "10.1.0.1/24"}]})).await
    }

    async fn router_now(&self, id: ResourceId) -> model::virtual_router::VirtualRouter {
        self.store.resource_read(id, &operator()).await.expect("a router")
    }
}

async fn a_segment_has_one_number_in_its_project_and_another_elsewhere(world: World) {
    let mut fleet = world.fleet().await;
    let numbers = |vm: &Accepted<VmSpec>| vm.resource.spec.nics.iter().map(|nic| nic.segment_id).collect::<Vec<_>>();
    let first = world.vm(&fleet).await;
    assert_eq!(numbers(&first), [Some(SegmentId(1))]);
    let router = world.router_on_web(&fleet).await;
    assert_eq!(router.resource.spec.segments[0].id, Some(SegmentId(1)));
    world.carry_out(first.task_id).await;
    // What a tenant writes there is not believed.
    let nics = json!({"nics": [{"segment": "web", "segment_id": 9}, {"segment": "store"}]});
    let changed: Accepted<VmSpec> = world.patch(first.resource.id, nics).await;
    assert_eq!(numbers(&changed), [Some(SegmentId(1)), Some(SegmentId(2))]);
    fleet.project = world.project().await;
    assert_eq!(numbers(&world.vm(&fleet).await), [Some(SegmentId(3))]);
    // Another process finds the same numbers.
    let another = world.another().await;
    let again = another.resource_create(fleet.vm("again"), &operator(), None, None).await.unwrap();
    assert_eq!(numbers(&again), [Some(SegmentId(3))]);
}

async fn a_router_hears_of_its_projects_vms(world: World) {
    let fleet = world.fleet().await;
    let router = world.router_on_web(&fleet).await;
    world.carry_out(router.task_id).await;
    let vm = world.vm(&fleet).await;
    let now = world.router_now(router.resource.id).await;
    assert_eq!(now.state, State::RunningUpdate);
    let neighbours = world.assignment(now.task_id.unwrap()).await.neighbours;
    assert_eq!(neighbours.iter().map(|vm| vm.id).collect::<Vec<_>>(), [vm.resource.id]);
    assert_eq!(neighbours[0].nics, vm.resource.spec.nics);
    world.carry_out(now.task_id.unwrap()).await;
    assert_eq!(world.router_now(router.resource.id).await.state, State::Running);
    // A VM on a segment that it does not have is nothing to it.
    let elsewhere = Create { spec: VmSpec { nics: Vec::new(), ..fleet.vm("b").spec }, ..fleet.vm("b") };
    world.store.resource_create(elsewhere, &operator(), None, None).await.unwrap();
    assert_eq!(world.router_now(router.resource.id).await.state, State::Running);
    // Nor is a change that leaves the nics alone.
    world.carry_out(vm.task_id).await;
    let changed: Accepted<VmSpec> = world.patch(vm.resource.id, json!({"cpu": 2})).await;
    assert_eq!(world.router_now(router.resource.id).await.state, State::Running);
    world.carry_out(changed.task_id).await;
    world.patch::<VmSpec>(vm.resource.id, json!({"nics": []})).await;
    assert_eq!(world.router_now(router.resource.id).await.state, State::RunningUpdate);
}

async fn a_router_that_is_at_work_looks_again_once_it_is_at_rest(world: World) {
    let fleet = world.fleet().await;
    let router = world.router_on_web(&fleet).await;
    let claimed = world.claim(router.task_id).await.unwrap();
    world.vm(&fleet).await;
    assert_eq!(world.router_now(router.resource.id).await.task_id, Some(router.task_id));
    world.settle(router.task_id, claimed.fence, Outcome::Succeeded).await.unwrap();
    let now = world.router_now(router.resource.id).await;
    assert_eq!((now.state, now.task_id == Some(router.task_id)), (State::RunningUpdate, false));
    world.carry_out(now.task_id.unwrap()).await;
    assert_eq!(world.router_now(router.resource.id).await.state, State::Running, "once is enough");
}

async fn what_names_a_vm_gets_its_record_and_keeps_it_from_being_scrubbed(world: World) {
    let fleet = world.fleet().await;
    let kvm = world.server("kvm-1", ServerType::Kvm, (10, 10_240, 1000)).await;
    let wish = fleet.vm("web-1");
    let wish = Create { spec: VmSpec { server: Some(kvm.id), ..wish.spec }, ..wish };
    let vm: Accepted<VmSpec> = world.store.resource_create(wish, &operator(), None, None).await.unwrap();
    world.carry_out(vm.task_id).await;
    let snapshot: Accepted<SnapshotSpec> = world.make(&fleet, json!({"vm": vm.resource.id})).await;
    assert_eq!(snapshot.resource.server_id, kvm.id);
    let assignment = world.assignment(snapshot.task_id).await;
    assert_eq!(assignment.vm.as_ref().map(|vm| (vm.id, vm.state)), Some((vm.resource.id, State::Running)));
    let scrub = world.ask(vm.resource.id, State::Scrub).await.unwrap();
    let related = world.assignment(scrub).await.related;
    assert_eq!(
        related.iter().map(|other| (other.resource_type, other.id)).collect::<Vec<_>>(),
        [(ResourceType::Snapshot, snapshot.resource.id)]
    );
    let late = Create {
        project_id: fleet.project.id,
        name: "late".into(),
        spec: serde_json::from_value::<SnapshotSpec>(json!({"vm": vm.resource.id})).unwrap(),
    };
    let refused = world.store.resource_create(late, &operator(), None, None).await;
    assert_eq!(code(refused), codes::NOT_YOURS.code);
}

async fn a_volume_is_attached_where_its_vm_stands(world: World) {
    let fleet = world.fleet().await;
    let ceph = world.server("ceph-1", ServerType::Ceph, (1, 1, 1000)).await;
    let vm = world.running_vm(&fleet).await;
    let volume: Accepted<CephSpec> = world.make(&fleet, json!({"gb": 1, "pool": "rbd"})).await;
    assert_eq!(world.task(volume.task_id).await.host, "ceph-1");
    world.carry_out(volume.task_id).await;
    let id = volume.resource.id;
    let attach: Accepted<CephSpec> = world.patch(id, json!({"vm": vm.resource.id})).await;
    let task = world.task(attach.task_id).await;
    assert_eq!((task.host.as_str(), task.server_id), ("phantom-1", fleet.server.id));
    let events = world.store.feed_take(1000).await.unwrap();
    assert_eq!(events.last().map(|event| event.host.as_str()), Some("phantom-1"));
    assert_eq!(world.assignment(attach.task_id).await.server.id, fleet.server.id);
    world.carry_out(attach.task_id).await;
    let scrub = world.store.resource_ask::<CephSpec>(id, State::Scrub, &operator(), None, false).await;
    assert_eq!(code(scrub), codes::IN_USE.code);
    // It is detached where it was, and its VM is still told.
    let detach: Accepted<CephSpec> = world.patch(id, json!({"vm": null})).await;
    let assignment = world.assignment(detach.task_id).await;
    assert_eq!((assignment.task.host.as_str(), assignment.vm.map(|vm| vm.id)), ("phantom-1", Some(vm.resource.id)));
    world.carry_out(detach.task_id).await;
    let grow: Accepted<CephSpec> = world.patch(id, json!({"gb": 2})).await;
    assert_eq!(world.task(grow.task_id).await.host, "ceph-1");
    world.carry_out(grow.task_id).await;
    world.store.resource_ask::<CephSpec>(id, State::Scrub, &operator(), None, false).await.unwrap();
    assert_eq!(world.store.server_read(ceph.id).await.unwrap().used.gb, 2);
}

async fn facts_are_kept_with_the_resource_and_null_takes_one_away(world: World) {
    let fleet = world.fleet().await;
    let vm = world.vm(&fleet).await;
    let settle = async |task: TaskId, fence: Fence, facts: Value| {
        let settle = Settle {
            fence: Some(fence),
            worker: "w1".into(),
            outcome: Outcome::Succeeded,
            facts: serde_json::from_value(facts).unwrap(),
            steps: Vec::new(),
            steps_total: None,
        };
        world.store.task_settle(task, settle, &worker()).await.unwrap();
    };
    let fence = world.claim(vm.task_id).await.unwrap().fence;
    settle(vm.task_id, fence, json!({"bytes": 7, "parent": 3})).await;
    let facts = async || world.store.resource_read::<VmSpec>(vm.resource.id, &operator()).await.unwrap().facts;
    assert_eq!(json!(facts().await), json!({"bytes": 7, "parent": 3}));
    let next = world.ask(vm.resource.id, State::Quiesce).await.unwrap();
    let fence = world.claim(next).await.unwrap().fence;
    settle(next, fence, json!({"parent": null})).await;
    assert_eq!(json!(facts().await), json!({"bytes": 7}));
}

async fn a_volume_that_could_not_be_attached_can_be_taken_from_its_vm(world: World) {
    let fleet = world.fleet().await;
    world.server("ceph-1", ServerType::Ceph, (1, 1, 1000)).await;
    let vm = world.running_vm(&fleet).await;
    let volume: Accepted<CephSpec> = world.make(&fleet, json!({"gb": 1, "pool": "rbd"})).await;
    world.carry_out(volume.task_id).await;
    let id = volume.resource.id;
    let attach: Accepted<CephSpec> = world.patch(id, json!({"vm": vm.resource.id})).await;
    let fence = world.claim(attach.task_id).await.unwrap().fence;
    world.settle(attach.task_id, fence, Outcome::Failed { error: super::world::error() }).await.unwrap();
    let version = world.store.resource_read::<CephSpec>(id, &operator()).await.unwrap().version;
    let grow = json!({"gb": 2});
    let refused = world.store.resource_change::<CephSpec>(id, version, grow, &operator(), None, false).await;
    assert_eq!(code(refused), codes::STATE_NOT_ALLOWED.code, "only a way out");
    let detach: Accepted<CephSpec> = world.patch(id, json!({"vm": null})).await;
    assert_eq!(world.task(detach.task_id).await.host, "phantom-1");
    world.carry_out(detach.task_id).await;
    world.store.resource_ask::<CephSpec>(id, State::Scrub, &operator(), None, false).await.unwrap();
}

async fn a_router_hears_of_what_was_taken_back(world: World) {
    let fleet = world.fleet().await;
    let router = world.router_on_web(&fleet).await;
    let id = router.resource.id;
    world.carry_out(router.task_id).await;
    let vm = world.vm(&fleet).await;
    world.carry_out(vm.task_id).await;
    world.carry_out(world.router_now(id).await.task_id.unwrap()).await;
    let change: Accepted<VmSpec> = world.patch(vm.resource.id, json!({"nics": []})).await;
    let update = world.router_now(id).await.task_id.unwrap();
    world.carry_out(update).await;
    world.store.task_cancel(change.task_id, &operator()).await.unwrap();
    let now = world.router_now(id).await;
    assert_eq!(now.state, State::RunningUpdate);
    assert_eq!(world.assignment(now.task_id.unwrap()).await.neighbours[0].nics.len(), 1);
    // One that comes while the router is asked to quiesce is not forgotten when that is cancelled.
    world.carry_out(now.task_id.unwrap()).await;
    let ask =
        world.store.resource_ask::<VirtualRouterSpec>(id, State::Quiesce, &operator(), None, false).await.unwrap();
    world.patch::<VmSpec>(vm.resource.id, json!({"nics": []})).await;
    world.store.task_cancel(ask.task_id, &operator()).await.unwrap();
    assert_eq!(world.router_now(id).await.state, State::RunningUpdate);
}
