//! A guest that was changed behind drover's back: found, shown, repaired or taken over into its record.

use crate::rig::{Ground, vm_kvm_rig};
use hosts::Invocation;
use iaas::tenant::DriftFilter;
use model::drift::DriftPolicy;
use model::resource::Resource;
use model::vm::VmSpec;
use model::{Kind, ResourceId, State, TaskId, names};
use testkit::Fleet;

/// A look, or what follows from one, to its end.
async fn act(fleet: &Fleet, id: ResourceId, policy: DriftPolicy) -> Option<TaskId> {
    let asked = fleet.client.drift_act(id, policy).await.expect("it may be asked");
    if let Some(task) = asked.task_id {
        fleet.ended(task).await;
    }
    asked.task_id
}

async fn read(fleet: &Fleet, id: ResourceId) -> Resource<VmSpec> {
    fleet.client.read(id).await.expect("the VM")
}

/// Somebody's hand on the host.
async fn by_hand(ground: &Ground, argv: &[&str]) {
    let argv = ["virsh", "-q", "-c", "qemu:///system"].iter().chain(argv);
    ground.host.run(&Invocation::acts(argv.copied())).await.expect("it is done");
}

#[tokio::test]
async fn what_was_done_behind_drovers_back_is_found_and_repaired_or_adopted() {
    let ground = Ground::of(Kind::VmKvm);
    let mut fleet = ground.fleet().await;
    fleet.work();
    let made = fleet.create("web-1", (vm_kvm_rig().wish)(&fleet, None)).await;
    let id = made.resource.id;
    fleet.reaches::<VmSpec>(id, State::Running).await;
    act(&fleet, id, DriftPolicy::Report).await;
    assert_eq!(read(&fleet, id).await.drift, None, "nothing was touched");

    let domain = names::domain(id);
    by_hand(&ground, &["destroy", &domain]).await;
    act(&fleet, id, DriftPolicy::Report).await;
    let found = read(&fleet, id).await;
    assert_eq!(found.state, State::Running, "a look changes nothing");
    assert_eq!(found.drift.expect("it is off").steps, ["power on"]);
    let listed = fleet.client.drift(&DriftFilter::default()).await.expect("a list").items;
    assert_eq!(listed.iter().map(|drifted| drifted.id).collect::<Vec<_>>(), [id]);
    act(&fleet, id, DriftPolicy::Repair).await;
    let repaired = fleet.reaches::<VmSpec>(id, State::Running).await;
    assert_eq!(repaired.drift, None);
    act(&fleet, id, DriftPolicy::Report).await;
    assert_eq!(read(&fleet, id).await.drift, None, "it runs again");

    by_hand(&ground, &["setvcpus", &domain, "2", "--live", "--config"]).await;
    act(&fleet, id, DriftPolicy::Report).await;
    let found = read(&fleet, id).await.drift.expect("it has another processor");
    assert_eq!(found.actual.as_ref().map(|actual| actual["cpu"].clone()), Some(2.into()), "{found:?}");
    assert_eq!(act(&fleet, id, DriftPolicy::Adopt).await, None);
    assert_eq!(read(&fleet, id).await.spec.cpu, 2);
    act(&fleet, id, DriftPolicy::Report).await;
    assert_eq!(read(&fleet, id).await.drift, None, "the record says so");
    fleet.stop().await;
}
