//! Libvirt domains as drover makes and reads them: what the drivers of VMs, snapshots, backups, volumes and gpus share.
//!
//! Invariant: a domain that does not carry the mark of its VM is never touched.

pub mod checkpoint;
pub mod device;
pub mod image;
pub mod power;

mod actual;
mod xml;

pub use actual::{Actual, ActualDisk, ActualNic, ActualVolume, read};
pub use xml::{NAMESPACE, disk, free_target, free_volume_target, image, nic, target};

use commands::virsh;
use errors::Fault;
use lifecycle::Context;
use model::{ResourceId, names};

/// Which definition is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// What the next start uses.
    Kept,
    /// What a running guest has.
    Live,
}

/// The VM's domain, or none when it is absent. One that is not this VM's is a fault: it is never touched.
pub async fn own(cx: &Context, vm: ResourceId, which: Which) -> Result<Option<Actual>, Fault> {
    let domain = names::domain(vm);
    let uri = &cx.settings.libvirt_uri;
    let xml = match which {
        Which::Kept => cx.run(virsh::definition(uri, &domain)).await?,
        Which::Live => cx.run(virsh::live(uri, &domain)).await?,
    };
    let Some(xml) = xml else { return Ok(None) };
    let unreadable = |reason: String| {
        Fault::new(&errors::driver::ANSWER_UNREADABLE)
            .hole("program", "virsh dumpxml")
            .hole("host", cx.host())
            .hole("reason", reason)
    };
    let actual = read(&xml).map_err(unreadable)?;
    if actual.resource != Some(vm.0) {
        let foreign = Fault::new(&errors::domains::DOMAIN_FOREIGN).hole("domain", domain).hole("host", cx.host());
        return Err(foreign.hole("resource", format!("vm {vm}")));
    }
    Ok(Some(actual))
}

/// The VM's domain, which must be there.
pub async fn present(cx: &Context, vm: ResourceId, which: Which) -> Result<Actual, Fault> {
    let absent =
        || Fault::new(&errors::domains::DOMAIN_ABSENT).hole("domain", names::domain(vm)).hole("host", cx.host());
    own(cx, vm, which).await?.ok_or_else(absent)
}
