//! The tree of a VM's snapshots, as builds, reverts and scrubs leave it.

use super::world::{Fleet, World, code, operator};
use errors::iaas as codes;
use iaas::tenant::{Accepted, AskState, Create};
use model::snapshot::{Snapshot, SnapshotSpec};
use model::{ResourceId, ResourceType, ServerType, State, TaskId};

crate::tests::suite! {
    each_snapshot_stands_on_the_one_that_was_active,
    what_is_removed_leaves_its_children_to_its_parent,
    a_subtree_goes_with_its_root_and_its_history_says_so,
    a_subtree_with_one_at_work_stays,
    a_snapshot_has_nothing_to_change,
    a_disk_stays_while_a_snapshot_holds_it,
}

async fn vm(world: &World) -> (Fleet, ResourceId) {
    let mut fleet = world.fleet().await;
    fleet.server = world.server("kvm-1", ServerType::Kvm, (8, 4096, 100)).await;
    let mut wish = fleet.vm("web-1");
    wish.spec.server = Some(fleet.server.id);
    let vm = world.store.resource_create(wish, &operator(), None, None).await.unwrap();
    world.carry_out(vm.task_id).await;
    (fleet, vm.resource.id)
}

async fn begin(world: &World, fleet: &Fleet, vm: ResourceId) -> Accepted<SnapshotSpec> {
    // A parent is not the client's to say.
    let spec = SnapshotSpec { vm, parent: Some(vm), remove_subtree: false };
    let wish = Create { project_id: fleet.project.id, name: "before".into(), spec };
    world.store.resource_create(wish, &operator(), None, None).await.unwrap()
}

async fn take(world: &World, fleet: &Fleet, vm: ResourceId) -> ResourceId {
    let made = begin(world, fleet, vm).await;
    assert_eq!(made.resource.spec.parent, None);
    world.carry_out(made.task_id).await;
    made.resource.id
}

async fn ask(world: &World, id: ResourceId, wanted: impl Into<AskState>) -> crate::Answer<TaskId> {
    let asked: Accepted<SnapshotSpec> = world.store.resource_ask(id, wanted, &operator(), None, false).await?;
    Ok(asked.task_id)
}

async fn done(world: &World, id: ResourceId, wanted: impl Into<AskState>) {
    let task = ask(world, id, wanted).await.unwrap();
    world.carry_out(task).await;
}

async fn snapshot(world: &World, id: ResourceId) -> Snapshot {
    world.store.resource_read(id, &operator()).await.unwrap()
}

/// Parent, whether it is active, and its children.
async fn place(world: &World, id: ResourceId) -> (Option<ResourceId>, bool, Vec<ResourceId>) {
    let snapshot = snapshot(world, id).await;
    let children = serde_json::from_value(snapshot.facts["children"].clone()).unwrap();
    (snapshot.spec.parent, snapshot.facts["active"] == true, children)
}

fn with_subtree() -> AskState {
    AskState { state: State::Scrub, remove_subtree: Some(true) }
}

async fn each_snapshot_stands_on_the_one_that_was_active(world: World) {
    let (fleet, vm) = vm(&world).await;
    let first = take(&world, &fleet, vm).await;
    assert_eq!(place(&world, first).await, (None, true, vec![]));
    let second = take(&world, &fleet, vm).await;
    assert_eq!(place(&world, first).await, (None, false, vec![second]));
    assert_eq!(place(&world, second).await, (Some(first), true, vec![]));
    done(&world, first, State::RunningUpdate).await;
    assert_eq!(place(&world, first).await, (None, true, vec![second]));
    let third = take(&world, &fleet, vm).await;
    assert_eq!(place(&world, third).await, (Some(first), true, vec![]));
    assert_eq!(place(&world, first).await, (None, false, vec![second, third]));
}

async fn what_is_removed_leaves_its_children_to_its_parent(world: World) {
    let (fleet, vm) = vm(&world).await;
    let first = take(&world, &fleet, vm).await;
    let second = take(&world, &fleet, vm).await;
    let third = take(&world, &fleet, vm).await;
    done(&world, second, State::Scrub).await;
    assert_eq!(snapshot(&world, second).await.state, State::Closed);
    assert_eq!(place(&world, third).await, (Some(first), true, vec![]));
    assert_eq!(place(&world, first).await, (None, false, vec![third]));
    done(&world, third, State::Scrub).await;
    assert_eq!(place(&world, first).await, (None, true, vec![]));
    // One that was never taken stands nowhere.
    let failed = begin(&world, &fleet, vm).await;
    let fence = world.claim(failed.task_id).await.unwrap().fence;
    let error = super::world::error();
    world.settle(failed.task_id, fence, iaas::fleet::Outcome::Failed { error }).await.unwrap();
    done(&world, failed.resource.id, with_subtree()).await;
    assert_eq!(place(&world, first).await, (None, true, vec![]));
}

async fn a_subtree_goes_with_its_root_and_its_history_says_so(world: World) {
    let (fleet, vm) = vm(&world).await;
    let first = take(&world, &fleet, vm).await;
    let second = take(&world, &fleet, vm).await;
    let third = take(&world, &fleet, vm).await;
    done(&world, first, State::RunningUpdate).await;
    let beside = take(&world, &fleet, vm).await;
    done(&world, third, State::RunningUpdate).await;
    done(&world, second, with_subtree()).await;
    for id in [second, third] {
        assert_eq!(snapshot(&world, id).await.state, State::Closed);
    }
    assert_eq!(place(&world, first).await, (None, true, vec![beside]));
    let history = world.store.resource_history(ResourceType::Snapshot, third, &operator()).await.unwrap();
    assert_eq!(history.last().unwrap().by, format!("w1, with snapshot {second}"));
}

async fn a_subtree_with_one_at_work_stays(world: World) {
    let (fleet, vm) = vm(&world).await;
    let first = take(&world, &fleet, vm).await;
    let second = take(&world, &fleet, vm).await;
    let revert = ask(&world, second, State::RunningUpdate).await.unwrap();
    assert_eq!(code(ask(&world, first, with_subtree()).await), codes::IN_USE.code);
    assert_eq!(snapshot(&world, first).await.state, State::Running);
    world.carry_out(revert).await;
    // A scrub that is cancelled before it began forgets how it was asked.
    let scrub = ask(&world, first, with_subtree()).await.unwrap();
    assert!(snapshot(&world, first).await.spec.remove_subtree);
    world.store.task_cancel(scrub, &operator()).await.unwrap();
    assert!(!snapshot(&world, first).await.spec.remove_subtree);
    assert_eq!(
        code(world.store.resource_ask::<model::vm::VmSpec>(vm, with_subtree(), &operator(), None, false).await),
        codes::SPEC_INVALID.code
    );
}

async fn a_disk_stays_while_a_snapshot_holds_it(world: World) {
    let (fleet, vm) = vm(&world).await;
    let change = async |disks: serde_json::Value| {
        let version = world.store.resource_read::<model::vm::VmSpec>(vm, &operator()).await.unwrap().version;
        let patch = serde_json::json!({ "disks": disks });
        world.store.resource_change::<model::vm::VmSpec>(vm, version, patch, &operator(), None, false).await
    };
    let root = serde_json::json!({ "name": "root", "gb": 10, "primary": true });
    let data = serde_json::json!({ "name": "data", "gb": 1 });
    let added = change(serde_json::json!([root, data])).await.unwrap();
    world.carry_out(added.task_id).await;
    let id = take(&world, &fleet, vm).await;
    assert_eq!(code(change(serde_json::json!([root])).await), codes::IN_USE.code);
    done(&world, id, State::Scrub).await;
    change(serde_json::json!([root])).await.unwrap();
}

async fn a_snapshot_has_nothing_to_change(world: World) {
    let (fleet, vm) = vm(&world).await;
    let id = take(&world, &fleet, vm).await;
    let version = snapshot(&world, id).await.version;
    let patch = serde_json::json!({ "remove_subtree": true });
    let changed = world.store.resource_change::<SnapshotSpec>(id, version, patch, &operator(), None, false).await;
    assert_eq!(code(changed), codes::SPEC_INVALID.code);
}
