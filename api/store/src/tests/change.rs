//! Changes of wishes, and the room that they take.

use super::world::{Fleet, World, code, error, operator, refusal, worker};
use crate::Answer;
use errors::iaas as codes;
use iaas::fleet::Outcome;
use iaas::tenant::Accepted;
use model::vm::VmSpec;
use model::{ResourceId, State, Version};
use serde_json::{Value, json};

crate::tests::suite! {
    growth_is_claimed_now_and_shrinking_given_back_at_the_end,
    a_change_of_what_someone_else_has_changed_is_refused,
    a_change_that_does_not_fit_is_refused_with_numbers,
    a_change_that_never_began_is_taken_back,
    a_failed_change_keeps_room_for_both,
    a_change_is_refused_in_any_other_state,
    a_dry_run_of_a_change_shows_the_worker_the_proposed_wish,
    a_nic_keeps_its_mac,
}

async fn change(world: &World, id: ResourceId, version: Version, patch: Value) -> Answer<Accepted<VmSpec>> {
    world.store.resource_change(id, version, patch, &operator(), None, false).await
}

async fn vm(world: &World) -> (Fleet, ResourceId, Version) {
    let fleet = world.fleet().await;
    let made = world.running_vm(&fleet).await.resource;
    (fleet, made.id, made.version)
}

async fn growth_is_claimed_now_and_shrinking_given_back_at_the_end(world: World) {
    let (fleet, id, version) = vm(&world).await;
    let changed = change(&world, id, version, json!({"cpu": 4, "ram_mb": 512})).await.unwrap();
    assert_eq!((changed.resource.state, changed.resource.spec.cpu), (State::RunningUpdate, 4));
    assert_eq!(world.used(&fleet).await, (4, 1024, 10));
    world.carry_out(changed.task_id).await;
    assert_eq!(world.used(&fleet).await, (4, 512, 10));
    let quiesce = world.ask(id, State::Quiesce).await.unwrap();
    world.carry_out(quiesce).await;
    let read = world.store.resource_read::<VmSpec>(id, &operator()).await.unwrap();
    let changed = change(&world, id, read.version, json!({"cpu": 1})).await.unwrap();
    assert_eq!(changed.resource.state, State::QuiescedUpdate);
    world.carry_out(changed.task_id).await;
    assert_eq!((world.state(id).await, world.used(&fleet).await), (State::Quiesced, (1, 512, 10)));
}

async fn a_change_of_what_someone_else_has_changed_is_refused(world: World) {
    let (_, id, version) = vm(&world).await;
    let refused = refusal(change(&world, id, Version(version.0 - 1), json!({"cpu": 2})).await);
    assert_eq!(refused.fault.entry.code, codes::ETAG_MISMATCH.code);
    assert_eq!(
        refused.to_string(),
        format!("vm 1 has changed: its version is {version}, If-Match says {}.", version.0 - 1)
    );
}

async fn a_change_that_does_not_fit_is_refused_with_numbers(world: World) {
    let (fleet, id, version) = vm(&world).await;
    let refused = refusal(change(&world, id, version, json!({"cpu": 102})).await);
    assert_eq!(
        refused.to_string(),
        "Server phantom-1 does not fit: phantom-1: cores wanted 101, found 99 free of 100."
    );
    let disks = json!([{"name": "root", "gb": 5, "primary": true}]);
    assert_eq!(code(change(&world, id, version, json!({"disks": disks})).await), codes::SPEC_INVALID.code);
    assert_eq!(code(change(&world, id, version, json!({"cpus": 5})).await), codes::SPEC_INVALID.code);
    assert_eq!(world.used(&fleet).await, (1, 1024, 10));
    assert_eq!(world.state(id).await, State::Running);
}

async fn a_change_that_never_began_is_taken_back(world: World) {
    let (fleet, id, version) = vm(&world).await;
    let changed = change(&world, id, version, json!({"cpu": 4})).await.unwrap();
    world.store.task_cancel(changed.task_id, &operator()).await.unwrap();
    let read = world.store.resource_read::<VmSpec>(id, &operator()).await.unwrap();
    assert_eq!((read.state, read.spec.cpu), (State::Running, 1));
    assert_eq!(world.used(&fleet).await, (1, 1024, 10));
}

async fn a_failed_change_keeps_room_for_both(world: World) {
    let (fleet, id, version) = vm(&world).await;
    let changed = change(&world, id, version, json!({"cpu": 4, "ram_mb": 512})).await.unwrap();
    let fence = world.claim(changed.task_id).await.unwrap().fence;
    world.settle(changed.task_id, fence, Outcome::Failed { error: error() }).await.unwrap();
    assert_eq!(world.used(&fleet).await, (4, 1024, 10));
    let again = world.store.task_retry(changed.task_id, &operator(), None).await.unwrap();
    assert_eq!(world.state(id).await, State::RunningUpdate);
    world.carry_out(again.id).await;
    assert_eq!(world.used(&fleet).await, (4, 512, 10));
}

async fn a_change_is_refused_in_any_other_state(world: World) {
    let (_, id, _) = vm(&world).await;
    world.ask(id, State::Quiesce).await.unwrap();
    let version = world.store.resource_read::<VmSpec>(id, &operator()).await.unwrap().version;
    let refused = refusal(change(&world, id, version, json!({"cpu": 2})).await);
    assert_eq!(
        (refused.fault.entry.code, refused.current_state),
        (codes::STATE_NOT_ALLOWED.code, Some(State::Quiesce))
    );
}

async fn a_dry_run_of_a_change_shows_the_worker_the_proposed_wish(world: World) {
    let (fleet, id, version) = vm(&world).await;
    let patch = json!({"cpu": 4});
    let planned: Accepted<VmSpec> =
        world.store.resource_change(id, version, patch, &operator(), None, true).await.unwrap();
    assert_eq!((planned.resource.spec.cpu, planned.resource.version), (1, version));
    let given = world.store.assignment(planned.task_id, &worker()).await.unwrap();
    assert_eq!((given.resource.state, &given.resource.spec["cpu"]), (State::RunningUpdate, &json!(4)));
    assert_eq!(world.used(&fleet).await, (1, 1024, 10));
}

async fn a_nic_keeps_its_mac(world: World) {
    let (_, id, version) = vm(&world).await;
    let nics = json!([{"segment": "web"}, {"segment": "db"}]);
    let changed = change(&world, id, version, json!({"nics": nics})).await.unwrap();
    let macs: Vec<_> = changed.resource.spec.nics.iter().map(|nic| nic.mac.clone().unwrap()).collect();
    assert_eq!(macs, ["52:54:00:00:10:00", "52:54:00:00:11:00"]);
    world.carry_out(changed.task_id).await;
    let version = world.store.resource_read::<VmSpec>(id, &operator()).await.unwrap().version;
    // The first goes; the one that is left has not the same place, and must not get a mac that was given away.
    let nics = json!([{"segment": "db", "mac": "52:54:00:00:11:00"}, {"segment": "new"}]);
    let changed = change(&world, id, version, json!({"nics": nics})).await.unwrap();
    let macs: Vec<_> = changed.resource.spec.nics.iter().map(|nic| nic.mac.clone().unwrap()).collect();
    assert_eq!(macs, ["52:54:00:00:11:00", "52:54:00:00:12:00"]);
}
