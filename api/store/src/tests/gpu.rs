//! Gpus: attached to a VM as it is, taken back, and given up.

use super::world::{Fleet, World, code, error, operator, worker};
use errors::iaas as codes;
use iaas::fleet::Outcome;
use iaas::tenant::{Accepted, Create};
use model::gpu::{Gpu, GpuSpec};
use model::server::{HostDevice, WorkerReport};
use model::vm::VmSpec;
use model::{Moment, ResourceId, ServerType, State, Verb};
use serde_json::{Value, json};

crate::tests::suite! {
    the_verb_follows_the_state_of_the_vm,
    a_device_that_no_vm_has_can_be_given_up,
    an_attach_that_failed_can_be_taken_back,
    a_device_stays_on_its_host,
    a_device_that_its_server_does_not_name_is_not_given,
    a_device_is_given_once_with_all_that_comes_along,
    a_mediated_device_is_given_once_and_not_with_its_parent,
    a_word_that_is_no_device_is_refused,
}

const CARD: &str = "0000:65:00.0";

/// Mediated devices.
const SHARES: [&str; 2] = ["c60cc60c-0f2d-4d1a-9d0b-6f5a3c1e7b21", "d60cc60c-0f2d-4d1a-9d0b-6f5a3c1e7b21"];

/// Any of two cards by what they are, and the first of them by its address; a mediated device by itself, and others by their type.
const GIVEN: [&str; 4] = [CARD, "10de:2204", SHARES[0], "nvidia-36"];

async fn vm_on(world: &World, fleet: &Fleet, name: &str) -> ResourceId {
    let mut wish = fleet.vm("web-1");
    let server = world.server(name, ServerType::Kvm, (8, 4096, 100)).await;
    let patch = json!({ "settings": { "gpu": { "devices": GIVEN } } });
    wish.spec.server = Some(world.store.server_change(server.id, server.version, &patch).await.unwrap().id);
    let vm = world.store.resource_create(wish, &operator(), None, None).await.unwrap();
    world.carry_out(vm.task_id).await;
    vm.resource.id
}

async fn create(world: &World, fleet: &Fleet, vm: ResourceId) -> Accepted<GpuSpec> {
    named(world, fleet, vm, CARD).await.unwrap()
}

async fn named(world: &World, fleet: &Fleet, vm: ResourceId, device: &str) -> crate::Answer<Accepted<GpuSpec>> {
    let spec = GpuSpec { vm: Some(vm), device: device.parse().unwrap() };
    let wish = Create { project_id: fleet.project.id, name: "gpu".into(), spec };
    world.store.resource_create(wish, &operator(), None, None).await
}

/// What the worker of a host has found there: device, id and IOMMU group. A mediated one is a share of the card.
async fn found(world: &World, host: &str, devices: &[(&str, &str, Option<u32>)]) {
    let device = |(device, id, group): &(&str, &str, Option<u32>)| HostDevice {
        device: device.parse().unwrap(),
        parent: SHARES.contains(device).then(|| CARD.parse().unwrap()),
        id: (*id).to_owned(),
        vendor: "NVIDIA Corporation".into(),
        product: "GA102".into(),
        driver: None,
        group: *group,
        numa_node: None,
    };
    let report = WorkerReport {
        worker: "w1".into(),
        version: "1".into(),
        drivers: Vec::new(),
        host_error: None,
        warnings: Vec::new(),
        devices: devices.iter().map(device).collect(),
        seen_at: Moment::UNIX_EPOCH,
    };
    world.store.worker_report(host, report, &worker()).await.unwrap();
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

async fn a_device_that_its_server_does_not_name_is_not_given(world: World) {
    let fleet = world.fleet().await;
    let vm = vm_on(&world, &fleet, "kvm-1").await;
    let refused = async |device| code(named(&world, &fleet, vm, device).await);
    // By what it is only where the worker has found it.
    assert_eq!(refused("0000:66:00.0").await, codes::DEVICE_NOT_ALLOWED.code);
    found(&world, "kvm-1", &[("0000:66:00.0", "10DE:2204", Some(31)), ("0000:67:00.0", "1af4:1044", Some(32))]).await;
    assert_eq!(refused("0000:67:00.0").await, codes::DEVICE_NOT_ALLOWED.code);
    let made = named(&world, &fleet, vm, "0000:66:00.0").await.unwrap();
    world.carry_out(made.task_id).await;

    // Once it is named no more it can be taken from its VM, and not given again.
    let detached = change(&world, made.resource.id, Value::Null).await.unwrap();
    world.carry_out(detached.task_id).await;
    let server = world.store.server_read(made.resource.server_id).await.unwrap();
    let patch = json!({ "settings": { "gpu": { "devices": [] } } });
    world.store.server_change(server.id, server.version, &patch).await.unwrap();
    assert_eq!(code(change(&world, made.resource.id, json!(vm)).await), codes::DEVICE_NOT_ALLOWED.code);
    assert_eq!(refused(CARD).await, codes::DEVICE_NOT_ALLOWED.code);
}

async fn a_device_is_given_once_with_all_that_comes_along(world: World) {
    let fleet = world.fleet().await;
    let vm = vm_on(&world, &fleet, "kvm-1").await;
    let far = vm_on(&world, &fleet, "kvm-2").await;
    let (beside, apart, group) = ("0000:65:00.1", "0000:66:00.0", "0000:67:00.0");
    let own = |address| (address, "10de:2204", Some(30));
    found(&world, "kvm-1", &[own(CARD), own(group), (apart, "10de:2204", Some(31))]).await;
    let made = create(&world, &fleet, vm).await;
    world.carry_out(made.task_id).await;
    let server = world.store.server_read(made.resource.server_id).await.unwrap();
    let patch = json!({ "settings": { "gpu": { "devices": [CARD, beside, "10de:2204"] } } });
    world.store.server_change(server.id, server.version, &patch).await.unwrap();
    for taken in [CARD, beside, group] {
        assert_eq!(code(named(&world, &fleet, vm, taken).await), codes::DEVICE_TAKEN.code, "{taken}");
    }
    // In another group, and on another server.
    let other = named(&world, &fleet, vm, apart).await.unwrap();
    world.carry_out(other.task_id).await;
    create(&world, &fleet, far).await;
    // Given up, it can be had again.
    let detached = change(&world, made.resource.id, Value::Null).await.unwrap();
    world.carry_out(detached.task_id).await;
    assert_eq!(code(named(&world, &fleet, vm, CARD).await), codes::DEVICE_TAKEN.code);
    world.store.gpu_delete(made.resource.id, &operator()).await.unwrap();
    create(&world, &fleet, vm).await;
}

async fn a_mediated_device_is_given_once_and_not_with_its_parent(world: World) {
    let fleet = world.fleet().await;
    let vm = vm_on(&world, &fleet, "kvm-1").await;
    let refused = async |device: &str| code(named(&world, &fleet, vm, device).await);
    let [first, second] = SHARES;
    // By itself it is allowed before anybody has found it; by its type afterwards.
    assert_eq!(refused(second).await, codes::DEVICE_NOT_ALLOWED.code);
    let card = (CARD, "10de:2204", Some(30));
    found(&world, "kvm-1", &[card, (first, "nvidia-35", Some(41)), (second, "nvidia-36", Some(42))]).await;
    let made = named(&world, &fleet, vm, &first.to_uppercase()).await.unwrap();
    world.carry_out(made.task_id).await;
    assert_eq!(refused(first).await, codes::DEVICE_TAKEN.code);
    assert_eq!(refused(CARD).await, codes::DEVICE_TAKEN.code, "its parent");
    let other = named(&world, &fleet, vm, second).await.unwrap();
    world.carry_out(other.task_id).await;
    for id in [made.resource.id, other.resource.id] {
        let detached = change(&world, id, Value::Null).await.unwrap();
        world.carry_out(detached.task_id).await;
        world.store.gpu_delete(id, &operator()).await.unwrap();
    }
    create(&world, &fleet, vm).await;
    assert_eq!(refused(first).await, codes::DEVICE_TAKEN.code, "a share of what is given whole");
}

async fn a_word_that_is_no_device_is_refused(world: World) {
    let fleet = world.fleet().await;
    let vm = vm_on(&world, &fleet, "kvm-1").await;
    let made = create(&world, &fleet, vm).await;
    world.carry_out(made.task_id).await;
    let version = read(&world, made.resource.id).await.version;
    for wrong in ["c60cc60c", "65:00.0", SHARES[0]] {
        let patch = json!({ "device": wrong });
        let changed: crate::Answer<Accepted<GpuSpec>> =
            world.store.resource_change(made.resource.id, version, patch, &operator(), None, false).await;
        assert_eq!(code(changed), codes::SPEC_INVALID.code, "{wrong}");
    }
}
