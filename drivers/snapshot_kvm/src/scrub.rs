//! Removes a snapshot, alone or with all that stands on top of it; the VM stays as it is.

use crate::plan::look;
use crate::steps::by_disk::DeleteByDisk;
use crate::steps::delete::Delete;
use commands::virsh;
use domains::{Which, own};
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::event::Event;
use model::snapshot::Snapshot;
use model::{ResourceId, ResourceType, names};

/// The names of what goes, the topmost first.
type Going = Vec<String>;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

/// The VM need not be at rest: one that is to be scrubbed waits for its snapshots.
pub async fn prerequisites(cx: &Context, snapshot: &Snapshot) -> Result<Prerequisite<Going>, Fault> {
    let going = cx.needs_idle(ResourceType::Snapshot, snapshot.id).then(async {
        look(cx).await?;
        going(cx, snapshot).await
    });
    going.await
}

pub async fn execute(cx: &Context, snapshot: &Snapshot, going: Going) -> Result<(), Fault> {
    let mut steps = Steps::new();
    for name in going {
        steps.then(Delete { vm: snapshot.spec.vm, name: name.clone() });
        steps.then(DeleteByDisk::of(cx, cx.vm()?, name));
    }
    cx.carry_out(steps).await
}

async fn going(cx: &Context, snapshot: &Snapshot) -> Result<Going, Fault> {
    let (uri, vm) = (&cx.settings.libvirt_uri, snapshot.spec.vm);
    let (domain, name) = (names::domain(vm), names::snapshot(snapshot.id));
    let is_there = own(cx, vm, Which::Live).await?.is_some()
        && cx.run(virsh::snapshot::names(uri, &domain)).await?.contains(&name);
    let mut going = vec![name];
    if is_there && snapshot.spec.remove_subtree {
        // What somebody has put on top by hand is not drover's to delete.
        let on_top = cx.run(virsh::snapshot::descendants(uri, &domain, &going[0])).await?;
        going.extend(on_top.into_iter().filter(|name| names::snapshot_of(name).is_some()));
    }
    if snapshot.spec.remove_subtree {
        for id in on_top(cx, snapshot.id) {
            let name = names::snapshot(id);
            if !going.contains(&name) {
                going.push(name);
            }
        }
    }
    going.reverse();
    Ok(going)
}

/// What stands on top of it as the records say, the nearest first: of what was taken disk by disk libvirt knows nothing.
fn on_top(cx: &Context, root: ResourceId) -> Vec<ResourceId> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(id) = found.get(next).copied() {
        found.extend(cx.related.iter().filter(|other| other.parent == Some(id)).map(|other| other.id));
        next += 1;
    }
    found.split_off(1)
}
