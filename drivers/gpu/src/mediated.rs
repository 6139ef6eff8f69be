//! Mediated devices: the one that is meant, and those that keep a PCI device from being given whole.

use crate::plan::{allowed, fault};
use commands::virsh::nodedev::mediated::{Mediated, named, names};
use errors::Fault;
use lifecycle::Context;
use model::device::Device;
use model::gpu::Gpu;
use model::names::mediated_device;
use uuid::Uuid;

/// It is there and may be given. The kernel gives each an IOMMU group of its own: nothing comes along.
pub async fn alone(cx: &Context, gpu: &Gpu, uuid: Uuid) -> Result<Vec<Device>, Fault> {
    let name = mediated_device(uuid);
    let found = found(cx, |other| other.starts_with(&name)).await?;
    let device = found.first().ok_or_else(|| fault(cx, gpu, &errors::gpu::ABSENT))?;
    allowed(cx, gpu, &device.type_id)?;
    Ok(vec![gpu.spec.device])
}

/// None is a share of these: their driver on the host could not let go of them.
pub async fn unsplit(cx: &Context, gpu: &Gpu, devices: &[Device]) -> Result<(), Fault> {
    let mut shares = found(cx, |_| true).await?;
    shares.retain(|share| share.parent.is_some_and(|parent| devices.contains(&parent.into())));
    if shares.is_empty() {
        return Ok(());
    }
    let uuids: Vec<String> = shares.iter().map(|share| share.uuid.to_string()).collect();
    Err(fault(cx, gpu, &errors::gpu::SPLIT).hole("others", uuids.join(", ")))
}

/// What the host has, as far as it is meant by its name.
async fn found(cx: &Context, is_meant: impl Fn(&str) -> bool) -> Result<Vec<Mediated>, Fault> {
    let (uri, mut found) = (&cx.settings.libvirt_uri, Vec::new());
    for name in cx.run(names(uri)).await?.into_iter().filter(|name| is_meant(name)) {
        found.extend(cx.run(named(uri, &name)).await?);
    }
    Ok(found)
}
