//! Removes a volume that nobody has open: into the trash, from where it can be restored for a while.

use crate::image;
use errors::Fault;
use lifecycle::{Context, Outbox, Prerequisite, Steps};
use model::ceph::Ceph;
use model::event::Event;
use pools::release::Released;
use pools::trash::{Discarded, NoPart, Purged};

pub async fn dispatch(outbox: &Outbox, event: &Event) -> Result<(), Fault> {
    outbox.put(event).await
}

pub async fn prerequisites(cx: &Context, volume: &Ceph) -> Result<Prerequisite<()>, Fault> {
    if let Some(vm) = volume.spec.vm.or_else(|| cx.vm().ok().map(|vm| vm.id)) {
        let attached = Fault::new(&errors::ceph::STILL_ATTACHED).hole("volume", volume.id).hole("vm", vm);
        return Ok(Prerequisite::Refuse(attached));
    }
    let image = image(volume);
    if let Some(found) = pools::own(cx, &image, volume.id).await?
        && found.snapshots > 0
    {
        let held = Fault::new(&errors::ceph::HAS_SNAPSHOTS).hole("image", image).hole("count", found.snapshots);
        return Ok(Prerequisite::Refuse(held));
    }
    Ok(Prerequisite::Ready(()))
}

pub async fn execute(cx: &Context, volume: &Ceph, _ready: ()) -> Result<(), Fault> {
    let image = image(volume);
    let mut steps = Steps::new();
    steps.then(Released { image: image.clone() });
    steps.then(Discarded { image: image.clone(), owner: volume.id });
    steps.then(NoPart { image });
    steps.then(Purged { pool: volume.spec.pool.clone() });
    cx.carry_out(steps).await
}
