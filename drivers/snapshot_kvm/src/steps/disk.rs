//! Snapshots of a VM's single disks: inside a qcow2 file by QEMU, of an image of a Ceph pool by its cluster.

use super::state;
use commands::virsh::{State, monitor};
use commands::{qemu_img, rbd};
use domains::ActualDisk;
use errors::Fault;
use lifecycle::Context;
use model::{ResourceId, names};

/// The disk's file as QEMU calls it while the guest is on and has it.
async fn node(cx: &Context, vm: ResourceId, disk: &ActualDisk) -> Result<Option<String>, Fault> {
    if matches!(state(cx, vm).await?, None | Some(State::ShutOff)) {
        return Ok(None);
    }
    Ok(cx.run(monitor::nodes(&cx.settings.libvirt_uri, &names::domain(vm))).await?.remove(&disk.path))
}

/// What is absent has none.
pub async fn has(cx: &Context, vm: ResourceId, disk: &ActualDisk, name: &str) -> Result<bool, Fault> {
    if !disk.is_image {
        let info = cx.run(qemu_img::info(&disk.path)).await?.unwrap_or_default();
        return Ok(info.snapshots.iter().any(|snapshot| snapshot.name == name));
    }
    if pools::own(cx, &disk.path, vm).await?.is_none() {
        return Ok(false);
    }
    let snapshots = cx.run(rbd::snapshots(&cx.settings.ceph, &disk.path)).await?;
    Ok(snapshots.iter().any(|snapshot| snapshot.name == name))
}

pub async fn take(cx: &Context, vm: ResourceId, disk: &ActualDisk, name: &str) -> Result<(), Fault> {
    if disk.is_image {
        pools::present(cx, &disk.path, vm).await?;
        return cx.run(rbd::take_snapshot(&cx.settings.ceph, &names::at(&disk.path, name))).await;
    }
    match node(cx, vm, disk).await? {
        Some(node) => {
            let (uri, domain) = (&cx.settings.libvirt_uri, names::domain(vm));
            cx.run(monitor::take_snapshot(uri, &domain, &node, name)).await
        }
        None => cx.run(qemu_img::take_snapshot(&disk.path, name)).await,
    }
}

pub async fn remove(cx: &Context, vm: ResourceId, disk: &ActualDisk, name: &str) -> Result<(), Fault> {
    if disk.is_image {
        return cx.run(rbd::remove_snapshot(&cx.settings.ceph, &names::at(&disk.path, name))).await;
    }
    match node(cx, vm, disk).await? {
        Some(node) => {
            let (uri, domain) = (&cx.settings.libvirt_uri, names::domain(vm));
            cx.run(monitor::remove_snapshot(uri, &domain, &node, name)).await
        }
        None => cx.run(qemu_img::remove_snapshot(&disk.path, name)).await,
    }
}

/// While nobody has it open.
pub async fn roll_back(cx: &Context, vm: ResourceId, disk: &ActualDisk, name: &str) -> Result<(), Fault> {
    if !disk.is_image {
        return cx.run(qemu_img::roll_back(&disk.path, name)).await;
    }
    pools::present(cx, &disk.path, vm).await?;
    // The cluster would do it under a client that has it open, too.
    pools::release::needs_nobody(cx, &disk.path).await?;
    cx.run(rbd::roll_back(&cx.settings.ceph, &names::at(&disk.path, name))).await
}
