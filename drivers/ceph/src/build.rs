//! Builds a volume: an empty image, or a clone of a protected snapshot.

use crate::image;
use commands::rbd;
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::ceph::{Ceph, Parent};
use model::event::Event;
use model::names;
use pools::GB;
use pools::image::Made;

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, volume: &Ceph) -> Result<Prerequisite<()>, Fault> {
    if pools::own(cx, &image(volume), volume.id).await?.is_some() {
        return Ok(Prerequisite::Ready(()));
    }
    let spec = &volume.spec;
    pools::needs_room(cx, &spec.pool, volume.label(), spec.gb * GB).await?;
    if let Some(parent) = &spec.clone {
        needs_parent(cx, parent, spec.gb).await?;
    }
    Ok(Prerequisite::Ready(()))
}

pub async fn execute(cx: &Context, volume: &Ceph, _ready: ()) -> Result<(), Fault> {
    let spec = &volume.spec;
    let mut steps = Steps::new();
    steps.then(Made {
        label: "make image".into(),
        image: image(volume),
        owner: volume.id,
        gb: spec.gb,
        features: spec.features.clone(),
        parent: spec.clone.as_ref().map(Parent::to_string),
    });
    cx.carry_out(steps).await?;
    cx.fact("image", image(volume));
    Ok(())
}

async fn needs_parent(cx: &Context, parent: &Parent, gb: u64) -> Result<(), Fault> {
    let of = names::in_pool(&parent.pool, &parent.image);
    let snapshots = cx.run(rbd::snapshots(&cx.settings.ceph, &of)).await?;
    let reason = match snapshots.iter().find(|snapshot| snapshot.name == parent.snapshot) {
        None => "it is not there".to_owned(),
        Some(found) if !found.is_protected() => "it is not protected".to_owned(),
        Some(found) if found.bytes > gb * GB => format!("it is larger than {gb} GB"),
        Some(_) => return Ok(()),
    };
    Err(Fault::new(&errors::ceph::PARENT_UNFIT).hole("parent", parent).hole("reason", reason))
}
