//! Gpus: attached to a VM as it is, taken back, and given up.

use super::world::{Fleet, World, code, error, operator};
use errors::iaas as codes;
use iaas::fleet::Outcome;
use iaas::tenant::{Accepted, Create};
use model::gpu::{Gpu, GpuSpec};
use model::vm::VmSpec;
use model::{ResourceId, ServerType, State, Verb};
use serde_json::{Value, json};

crate::tests::suite! {
    the_verb_follows_the_state_of_the_vm,
    a_device_that_no_vm_has_can_be_given_up,
    an_attach_that_failed_can_be_taken_back,
    a_device_stays_on_its_host,
}

async fn vm_on(world: &World, fleet: &Fleet, name: &str) -> ResourceId {
    let mut wish = fleet.vm("web-1");
    wish.spec.server = Some(world.server(name, ServerType::Kvm, (8, 4096, 100)).await.id);
    let vm = world.store.resource_create(wish, &operator(), None, None).await.unwrap();
    world.carry_out(vm.task_id).await;
    vm.resource.id
}

async fn create(world: &World, fleet: &Fleet, vm: ResourceId) -> Accepted<GpuSpec> {
    let spec = GpuSpec { vm: Some(vm), device: "0000:65:00.0".into() };
    let wish = Create { project_id: fleet.project.id, name: "gpu".into(), spec };
    world.store.resource_create(wish, &operator(), None, None).await.unwrap()
}

async fn read(world: &World, id: ResourceId) -> Gpu {
    world.store.resource_read(id, &operator()).await.unwrap()
}

async fn change(world: &World, id: ResourceId, vm: Value) -> crate::Answer<Accepted<GpuSpec>> {
    let version = read(world, id).await.version;
    world.store.resource_change(id, version, json!({ "vm": vm }), &operator(), None, false).await
}

async fn quiesce(world: &World, vm: ResourceId) {
    let asked: Accepted<VmSpec> = world.store.resource_ask(vm, State::Quiesce, &operator(), None, false).await.unwrap();
    world.carry_out(asked.task_id).await;
}

async fn the_verb_follows_the_state_of_the_vm(world: World) {
    let fleet = world.fleet().await;
    let vm = vm_on(&world, &fleet, "kvm-1").await;
    let made = create(&world, &fleet, vm).await;
    assert_eq!(world.task(made.task_id).await.verb, Verb::Updaterunning);
    world.carry_out(made.task_id).await;
    quiesce(&world, vm).await;
    let detached = change(&world, made.resource.id, Value::Null).await.unwrap();
    assert_eq!(world.task(detached.task_id).await.verb, Verb::Updatequiesced);
    world.carry_out(detached.task_id).await;
    assert_eq!(read(&world, made.resource.id).await.state, State::Quiesced);
    let attached = change(&world, made.resource.id, json!(vm)).await.unwrap();
    assert_eq!(world.task(attached.task_id).await.verb, Verb::Updatequiesced);
}

async fn a_device_that_no_vm_has_can_be_given_up(world: World) {
    let fleet = world.fleet().await;
    let vm = vm_on(&world, &fleet, "kvm-1").await;
    let made = create(&world, &fleet, vm).await;
    let id = made.resource.id;
    assert_eq!(code(world.store.gpu_delete(id, &operator()).await), codes::STATE_NOT_ALLOWED.code);
    world.carry_out(made.task_id).await;
    assert_eq!(code(world.store.gpu_delete(id, &operator()).await), codes::IN_USE.code);
    let detached = change(&world, id, Value::Null).await.unwrap();
    world.carry_out(detached.task_id).await;
    world.store.gpu_delete(id, &operator()).await.unwrap();
    assert_eq!(read(&world, id).await.state, State::Closed);
    assert_eq!(code(world.store.gpu_delete(id, &operator()).await), codes::STATE_NOT_ALLOWED.code);
}

async fn an_attach_that_failed_can_be_taken_back(world: World) {
    let fleet = world.fleet().await;
    let vm = vm_on(&world, &fleet, "kvm-1").await;
    let made = create(&world, &fleet, vm).await;
    let id = made.resource.id;
    let fence = world.claim(made.task_id).await.unwrap().fence;
    world.settle(made.task_id, fence, Outcome::Failed { error: error() }).await.unwrap();
    assert_eq!(read(&world, id).await.state, State::Unresourced);
    let detached = change(&world, id, Value::Null).await.unwrap();
    world.carry_out(detached.task_id).await;
    world.store.gpu_delete(id, &operator()).await.unwrap();
}

async fn a_device_stays_on_its_host(world: World) {
    let fleet = world.fleet().await;
    let vm = vm_on(&world, &fleet, "kvm-1").await;
    let far = vm_on(&world, &fleet, "kvm-2").await;
    let made = create(&world, &fleet, vm).await;
    world.carry_out(made.task_id).await;
    assert_eq!(code(change(&world, made.resource.id, json!(far)).await), codes::SPEC_INVALID.code);
    let detached = change(&world, made.resource.id, Value::Null).await.unwrap();
    world.carry_out(detached.task_id).await;
    assert_eq!(code(change(&world, made.resource.id, json!(far)).await), codes::SPEC_INVALID.code);
}
