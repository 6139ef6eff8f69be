//! Removes a snapshot, alone or with all that stands on top of it; the VM stays as it is.

use crate::plan::{all, kept, on_top};
use crate::steps::remove::Remove;
use errors::Fault;
use hyperv::merge::Merged;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::snapshot::Snapshot;
use model::{ResourceType, windows};

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

/// The VM need not be at rest: one that is to be scrubbed waits for its snapshots.
pub async fn prerequisites(cx: &Context, snapshot: &Snapshot) -> Result<Prerequisite<Vec<Remove>>, Fault> {
    cx.needs_idle(ResourceType::Snapshot, snapshot.id).then(going(cx, snapshot)).await
}

pub async fn execute(cx: &Context, snapshot: &Snapshot, going: Vec<Remove>) -> Result<(), Fault> {
    let vm = snapshot.spec.vm;
    let mut steps = Steps::new();
    // What an earlier attempt has removed may be merging still.
    steps.then(Merged::of(vm));
    for remove in going {
        steps.then(remove);
    }
    cx.carry_out(steps).await
}

/// What goes, in order; one that is gone is there too, so that it is looked for.
async fn going(cx: &Context, snapshot: &Snapshot) -> Result<Vec<Remove>, Fault> {
    let vm = snapshot.spec.vm;
    let name = windows::checkpoint(snapshot.id);
    let Some(actual) = hyperv::own(cx, vm).await? else {
        return Ok(vec![Remove { vm, id: String::new(), name, with_tree: false }]);
    };
    let Some(found) = kept(cx, snapshot, &actual.id).await? else {
        return Ok(vec![Remove { vm, id: String::new(), name, with_tree: false }]);
    };
    let on_top = on_top(&all(cx, &actual.id).await?, &found.id);
    let own = |name: &str| windows::snapshot_of(name).is_some();
    let with_tree = snapshot.spec.remove_subtree && on_top.iter().all(|checkpoint| own(&checkpoint.name));
    let mut going = Vec::new();
    if snapshot.spec.remove_subtree && !with_tree {
        // What somebody has put on top by hand is not drover's to remove.
        for checkpoint in on_top.into_iter().rev().filter(|checkpoint| own(&checkpoint.name)) {
            going.push(Remove { vm, id: checkpoint.id, name: checkpoint.name, with_tree: false });
        }
    }
    going.push(Remove { vm, id: found.id, name, with_tree });
    Ok(going)
}
