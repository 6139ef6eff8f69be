//! Disks that are images of a Ceph pool. Which images a VM has is a fact of its record, so that none is forgotten, whatever
//! its wish has become since.

use domains::ActualDisk;
use domains::image::{Forget, Image as Attached, Keep, Plug, Unplug};
use errors::Fault;
use lifecycle::{Context, Steps};
use model::ceph::usual_features;
use model::image::Image;
use model::names;
use model::vm::{Disk, Vm};
use pools::GB;
use pools::grow::Grow;
use pools::image::Made;
use pools::import;
use pools::release::Released;
use pools::secret::{LeaveSecret, Secret};
use pools::trash::{Discarded, NoPart, NoSnapshots, Purged};
use std::collections::{BTreeMap, BTreeSet};

/// The fact's name.
const FACT: &str = "images";

fn label(disk: &Disk) -> String {
    format!("disk {}", disk.name)
}

/// Those that the wish names: `pool/image`.
fn wished(vm: &Vm) -> BTreeSet<String> {
    vm.spec.disks.iter().filter_map(|disk| disk.image(vm.id)).collect()
}

/// Those that the VM may have.
pub fn known(vm: &Vm) -> BTreeSet<String> {
    let made = vm.facts.get(FACT).and_then(|fact| fact.as_array()).into_iter().flatten();
    made.filter_map(|image| image.as_str()).map(str::to_owned).chain(wished(vm)).collect()
}

/// Those that it has no more, as its wish goes.
pub fn stray(vm: &Vm) -> BTreeSet<String> {
    known(vm).difference(&wished(vm)).cloned().collect()
}

/// Writes down first what may be made, and at last what is there.
pub async fn carry_out(cx: &Context, vm: &Vm, steps: Steps) -> Result<(), Fault> {
    let tell = |images: BTreeSet<String>| cx.fact(FACT, images.into_iter().collect::<Vec<_>>());
    let known = known(vm);
    if known.is_empty() {
        return cx.carry_out(steps).await;
    }
    tell(known);
    cx.carry_out(steps).await?;
    tell(wished(vm));
    Ok(())
}

/// A fault when the pools have no room for what the wish adds.
pub async fn need_room(cx: &Context, vm: &Vm) -> Result<(), Fault> {
    let mut wanted = BTreeMap::new();
    for disk in &vm.spec.disks {
        let (Some(pool), Some(image)) = (&disk.pool, disk.image(vm.id)) else { continue };
        let found = pools::own(cx, &image, vm.id).await?.map_or(0, |image| image.bytes);
        *wanted.entry(pool).or_default() += (disk.gb * GB).saturating_sub(found);
    }
    for (pool, bytes) in wanted.into_iter().filter(|(_, bytes)| *bytes > 0) {
        pools::needs_room(cx, pool, vm.label(), bytes).await?;
    }
    Ok(())
}

/// How a disk is made; none of one that is a file. The primary disk is a clone of the image, which is in the pool already.
pub fn made(vm: &Vm, image: &Image, disk: &Disk) -> Option<Made> {
    let parent = disk.pool.as_ref().filter(|_| disk.primary);
    Some(Made {
        label: label(disk),
        image: disk.image(vm.id)?,
        owner: vm.id,
        gb: disk.gb,
        features: usual_features(),
        parent: parent.map(|pool| names::clonable(&import::path(image, pool))),
    })
}

fn attachment(vm: &Vm, disk: &Disk) -> Option<Attached> {
    Some(Attached { vm: vm.id, serial: disk.name.clone(), path: disk.image(vm.id)? })
}

/// Under a running guest; none of a disk that is a file.
pub fn grown(vm: &Vm, disk: &Disk) -> Option<Grow> {
    let attachment = attachment(vm, disk)?;
    let label = format!("grow {}", label(disk));
    Some(Grow { label, image: attachment.path.clone(), owner: vm.id, gb: disk.gb, disk: Some(attachment) })
}

/// Made, and into a running guest; false of a disk that is a file.
pub fn attached(cx: &Context, vm: &Vm, disk: &Disk, steps: &mut Steps) -> bool {
    let Some(attachment) = attachment(vm, disk) else { return false };
    let image = attachment.path.clone();
    let features = usual_features();
    steps.then(Made { label: label(disk), image, owner: vm.id, gb: disk.gb, features, parent: None });
    steps.then(Keep(attachment.clone()));
    steps.then(Secret { host: cx.host().into() });
    steps.then(Plug(attachment));
    true
}

/// Out of a running guest and its definition: what it has and should not, and what a lost attempt may have taken from the
/// guest alone.
pub fn detached(vm: &Vm, gone: &[ActualDisk], steps: &mut Steps) {
    let gone = gone.iter().filter(|disk| disk.is_image).map(|disk| disk.path.clone());
    for path in stray(vm).into_iter().chain(gone).collect::<BTreeSet<_>>() {
        let name = path.rsplit('/').next().unwrap_or_default();
        let serial = name.strip_prefix(&names::disk_images(vm.id)).unwrap_or(name).to_owned();
        let attachment = Attached { vm: vm.id, serial, path };
        steps.then(Unplug(attachment.clone()));
        steps.then(Forget(attachment));
    }
}

/// Out of their pools, and the secret from the host, if nobody else needs it.
pub fn removed(cx: &Context, vm: &Vm, images: &BTreeSet<String>, steps: &mut Steps) {
    for image in images {
        steps.then(Released { image: image.clone() });
        steps.then(NoSnapshots { image: image.clone(), owner: vm.id });
        steps.then(Discarded { image: image.clone(), owner: vm.id });
        steps.then(NoPart { image: image.clone() });
    }
    let pools: BTreeSet<&str> = images.iter().filter_map(|image| image.split('/').next()).collect();
    for pool in pools {
        steps.then(Purged { pool: pool.to_owned() });
    }
    if !images.is_empty() {
        steps.then(LeaveSecret { host: cx.host().into() });
    }
}
