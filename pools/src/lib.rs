//! Images in Ceph pools as drover makes, keeps and removes them: what volumes and the disks of VMs share.
//!
//! Invariant: an image that does not carry the mark of its resource is never touched.

pub mod grow;
pub mod image;
pub mod import;
pub mod release;
pub mod secret;
pub mod trash;

use commands::rbd::Image;
use commands::{ceph, rbd};
use errors::Fault;
use lifecycle::Context;
use model::ResourceId;
use model::lock::LockName;
use std::fmt::Display;

/// What an image's mark is called; it names the resource.
pub const MARK: &str = "drover.resource";

const MB: u64 = 1 << 20;
pub const GB: u64 = 1 << 30;

/// Of a pool in all of its cluster, from whichever host.
fn lock(pool: &str) -> Option<LockName> {
    Some(LockName::Pool { host: "ceph".into(), pool: pool.to_owned() })
}

/// The resource's image, or none when it is absent. One that is not the resource's is a fault.
pub async fn own(cx: &Context, image: &str, owner: ResourceId) -> Result<Option<Image>, Fault> {
    let ceph = &cx.settings.ceph;
    let Some(found) = cx.run(rbd::info(ceph, image)).await? else { return Ok(None) };
    let marks = cx.run(rbd::metadata(ceph, image)).await?;
    if marks.get(MARK) != Some(&owner.to_string()) {
        let foreign = Fault::new(&errors::ceph::IMAGE_FOREIGN).hole("image", image);
        return Err(foreign.hole("resource", owner));
    }
    Ok(Some(found))
}

/// The resource's image, which must be there.
pub async fn present(cx: &Context, image: &str, owner: ResourceId) -> Result<Image, Fault> {
    let absent = || Fault::new(&errors::ceph::IMAGE_ABSENT).hole("image", image).hole("host", cx.host());
    own(cx, image, owner).await?.ok_or_else(absent)
}

/// A fault when the pool has no room for so much more, although an image takes it only as it is written: a pool that is
/// full answers nothing, not even to those who want to remove something.
pub async fn needs_room(cx: &Context, pool: &str, what: impl Display, wanted_bytes: u64) -> Result<(), Fault> {
    let found = cx.run(ceph::pools(&cx.settings.ceph)).await?.into_iter().find(|found| found.name == pool);
    let Some(found) = found else {
        return Err(Fault::new(&errors::ceph::POOL_ABSENT).hole("host", cx.host()).hole("pool", pool));
    };
    if wanted_bytes <= found.room_bytes {
        return Ok(());
    }
    Err(Fault::new(&errors::ceph::POOL_FULL)
        .hole("pool", pool)
        .hole("room_mb", found.room_bytes / MB)
        .hole("what", what)
        .hole("wanted_mb", wanted_bytes.div_ceil(MB)))
}
