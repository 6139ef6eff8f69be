//! Snapshots on a simulated Hyper-V host: what is taken once, what is put back, whose a checkpoint is, and what a merge holds
//! up.

use crate::simulated::Ground;
use commands::hyperv::{checkpoint, vm};
use iaas::tenant::{Accepted, AskState};
use model::snapshot::SnapshotSpec;
use model::task::TaskStatus;
use model::vm::VmSpec;
use model::{ResourceId, State, windows};
use serde_json::{Value, json};
use testkit::fakes::hyperv::{Fault, Pace, Power, Process, Side, What};

/// Checkpoints of the VM, by name.
fn checkpoints(ground: &Ground) -> Vec<String> {
    let mark = format!("{}/snapshot ", ground.name());
    ground.host.words().into_keys().filter_map(|key| key.strip_prefix(&mark).map(str::to_owned)).collect()
}

fn names(of: &[ResourceId]) -> Vec<String> {
    of.iter().map(|id| windows::checkpoint(*id)).collect()
}

#[tokio::test]
async fn one_is_taken_once_though_its_answer_was_lost_and_the_kind_of_checkpoints_is_put_back() {
    let ground = Ground::new().await;
    // Somebody's choice, for his own checkpoints.
    ground.by_hand(vm::set_checkpoint_type(&ground.seen().await.id, "Standard")).await;
    ground.host.order(Fault::new("Checkpoint-VM", 1, What::Cut(Side::After, Process::Survives)));
    let taken = ground.take().await;
    assert_eq!(checkpoints(&ground), names(&[taken.id]));
    assert_eq!(ground.seen().await.checkpoint_type, "Standard");
    assert_eq!(taken.facts["memory"], false, "{:?}", taken.facts);
    assert!(ground.left("checkpoint-type").is_empty());
    ground.stop().await;
}

#[tokio::test]
async fn a_failure_puts_the_kind_of_checkpoints_back_too() {
    let ground = Ground::new().await;
    ground.by_hand(vm::set_checkpoint_type(&ground.seen().await.id, "Disabled")).await;
    let problem = cmdlets::Problem {
        error: "OperationFailed,Microsoft.HyperV.PowerShell.Commands.CheckpointVM".into(),
        category: "NotSpecified".into(),
        exception: "VirtualizationException".into(),
        text: "Die Arbeit ist fehlgeschlagen.".into(),
    };
    ground.host.order(Fault::new("Checkpoint-VM", 1, What::Error(Side::Before, problem)));
    let asked = ground.fleet.create("snapshot", ground.snapshot(false)).await;
    let failed = ground.fleet.reaches::<SnapshotSpec>(asked.resource.id, State::Unresourced).await;
    assert_eq!(failed.error.expect("it says why").code, "snapshot_hyperv_build_2001");
    assert_eq!(ground.seen().await.checkpoint_type, "Disabled");
    assert!(checkpoints(&ground).is_empty() && ground.left("checkpoint-type").is_empty());
    ground.stop().await;
}

#[tokio::test]
async fn two_of_one_name_are_nobodys() {
    let ground = Ground::new().await;
    let next = windows::checkpoint(ResourceId(ground.vm.0 + 1));
    let id = ground.seen().await.id;
    ground.by_hand(checkpoint::take(&id, &next)).await;
    ground.by_hand(checkpoint::take(&id, &next)).await;
    let asked = ground.fleet.create("snapshot", ground.snapshot(false)).await;
    let failed = ground.fleet.reaches::<SnapshotSpec>(asked.resource.id, State::Unresourced).await;
    assert_eq!(failed.error.expect("it says why").code, "snapshot_hyperv_build_2131");
    assert_eq!(checkpoints(&ground).len(), 2, "nothing was taken or removed");
    ground.stop().await;
}

#[tokio::test]
async fn one_that_was_given_another_name_is_still_known() {
    let ground = Ground::new().await;
    let taken = ground.take().await;
    let found = ground.by_hand(checkpoint::list(&ground.seen().await.id)).await.pop().expect("the checkpoint");
    assert_eq!(taken.facts["checkpoint"], found.id);
    ground.scrub::<SnapshotSpec>(taken.id).await;
    assert!(checkpoints(&ground).is_empty());
    // Nobody is there to confirm.
    let removed = ground.host.transcript().into_iter().find(|line| line.contains("Remove-VMSnapshot"));
    assert!(removed.is_some_and(|line| line.contains("-Confirm false")));
    ground.stop().await;
}

#[tokio::test]
async fn a_revert_brings_the_disks_back_and_the_guest_up_again() {
    let ground = Ground::new().await;
    let name = ground.name();
    ground.host.write(&name, "letter", "first");
    let taken = ground.take().await;
    ground.host.write(&name, "letter", "second");
    // The answer is lost, the work is done.
    ground.host.order(Fault::new("Restore-VMSnapshot", 1, What::Cut(Side::After, Process::Survives)));
    ground.fleet.ask::<SnapshotSpec>(taken.id, State::RunningUpdate).await;
    ground.fleet.reaches::<SnapshotSpec>(taken.id, State::Running).await;
    assert_eq!(ground.host.read(&name, "letter").as_deref(), Some("first"));
    assert_eq!(ground.host.state(&name), Some(Power::Running));

    // Another task reverts again, though the VM stands on that checkpoint already.
    ground.host.write(&name, "letter", "third");
    ground.fleet.ask::<SnapshotSpec>(taken.id, State::RunningUpdate).await;
    ground.fleet.reaches::<SnapshotSpec>(taken.id, State::Running).await;
    assert_eq!(ground.host.read(&name, "letter").as_deref(), Some("first"));
    ground.stop().await;
}

#[tokio::test]
async fn a_guest_that_was_taken_with_its_memory_comes_back_off_when_it_is_quiesced() {
    let ground = Ground::new().await;
    let guests = testkit::fakes::hyperv::Guests { refuse_production: true, ..Default::default() };
    ground.host.guests(guests);
    let taken = ground.take().await;
    assert_eq!(taken.facts["memory"], true, "{:?}", taken.facts);
    ground.fleet.ask::<VmSpec>(ground.vm, State::Quiesce).await;
    ground.fleet.reaches::<VmSpec>(ground.vm, State::Quiesced).await;
    ground.fleet.ask::<SnapshotSpec>(taken.id, State::RunningUpdate).await;
    ground.fleet.reaches::<SnapshotSpec>(taken.id, State::Running).await;
    assert_eq!(ground.host.state(&ground.name()), Some(Power::Off));
    ground.stop().await;
}

#[tokio::test]
async fn a_vm_that_was_changed_is_not_reverted() {
    let ground = Ground::new().await;
    let taken = ground.take().await;
    ground.fleet.change::<VmSpec>(ground.vm, json!({ "cpu": 2 })).await;
    ground.fleet.reaches::<VmSpec>(ground.vm, State::Running).await;
    let acted = ground.host.transcript();
    ground.fleet.ask::<SnapshotSpec>(taken.id, State::RunningUpdate).await;
    let failed = ground.fleet.reaches::<SnapshotSpec>(taken.id, State::Unresourced).await;
    let error = failed.error.expect("it says why");
    assert_eq!(error.code, "snapshot_hyperv_updaterunning_2132", "{error:?}");
    assert!(error.text.contains("1 processors and has 2"), "{error:?}");
    assert_eq!(ground.host.transcript(), acted, "something was touched");
    ground.stop().await;
}

#[tokio::test]
async fn the_tree_is_the_same_in_the_records_and_on_the_host() {
    let ground = Ground::new().await;
    let (a, b) = (ground.take().await, ground.take().await);
    let c = ground.take().await;
    let parent = |snapshot: &model::resource::Resource<SnapshotSpec>| snapshot.spec.parent;
    assert_eq!([&a, &b, &c].map(parent), [None, Some(a.id), Some(b.id)]);

    ground.scrub::<SnapshotSpec>(b.id).await;
    let read = async |id| ground.fleet.client.read::<SnapshotSpec>(id).await.expect("the snapshot");
    assert_eq!(read(c.id).await.spec.parent, Some(a.id));
    assert_eq!(read(a.id).await.facts["children"], json!([c.id]));
    let id = ground.seen().await.id;
    let found = ground.by_hand(checkpoint::list(&id)).await;
    let of =
        |name: ResourceId| found.iter().find(|found| found.name == windows::checkpoint(name)).expect("it is there");
    assert_eq!(of(c.id).parent.as_deref(), Some(of(a.id).id.as_str()));

    ground.fleet.ask::<SnapshotSpec>(a.id, State::RunningUpdate).await;
    ground.fleet.reaches::<SnapshotSpec>(a.id, State::Running).await;
    assert_eq!([read(a.id).await.facts["active"].clone(), read(c.id).await.facts["active"].clone()], [true, false]);
    assert_eq!(ground.seen().await.parent.as_deref(), Some(of(a.id).id.as_str()));
    ground.stop().await;
}

#[tokio::test]
async fn a_subtree_leaves_what_somebody_has_made_by_hand() {
    let ground = Ground::new().await;
    let name = ground.name();
    let bottom = ground.take().await;
    ground.host.write(&name, "letter", "kept");
    ground.by_hand(checkpoint::take(&ground.seen().await.id, "before the audit")).await;
    let top = ground.take().await;
    let wanted = AskState { state: State::Scrub, remove_subtree: Some(true) };
    let _: Accepted<SnapshotSpec> =
        ground.fleet.client.ask(bottom.id, wanted, false).await.expect("the scrub is accepted");
    ground.fleet.reaches::<SnapshotSpec>(bottom.id, State::Closed).await;
    ground.fleet.reaches::<SnapshotSpec>(top.id, State::Closed).await;
    assert_eq!(checkpoints(&ground), ["before the audit"]);
    assert_eq!(ground.host.read(&name, "letter").as_deref(), Some("kept"));
    ground.stop().await;
}

#[tokio::test]
async fn a_merge_is_waited_for_and_holds_up_what_comes_next() {
    let ground = Ground::new().await;
    let name = ground.name();
    let (below, above) = (ground.take().await, ground.take().await);
    ground.host.write(&name, "letter", "kept");
    ground.host.pace(Pace { merge_ms: 150_000, ..Pace::default() });
    let asked = ground.fleet.ask::<SnapshotSpec>(below.id, State::Scrub).await;
    ground.note(asked.task_id, "merging").await;
    let done = ground.fleet.ended(asked.task_id).await;
    assert_eq!(done.status, TaskStatus::Succeeded, "{done:#?}");
    ground.scrub::<SnapshotSpec>(above.id).await;
    assert!(ground.left(".avhdx").is_empty(), "{:#?}", ground.left(".avhdx"));
    assert_eq!(ground.host.read(&name, "letter").as_deref(), Some("kept"));
    let disks: Value = ground.seen().await.parent.into();
    assert_eq!(disks, Value::Null);
    ground.stop().await;
}
