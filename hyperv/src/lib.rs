//! Hyper-V VMs as drover makes and reads them: what the drivers of VMs, snapshots and backups share.
//!
//! Invariant: a VM that does not carry the mark of its resource is never touched.

pub mod files;
pub mod merge;
pub mod power;

mod actual;

pub use actual::{Actual, Disk, Nic, actual, disks, disks_of, name_of, nics, own_disks};

use commands::hyperv::vm::{self, State, Vm};
use errors::Fault;
use lifecycle::Context;
use model::{ResourceId, windows};

/// Whether its notes say that it is the resource's.
pub fn is_marked(cx: &Context, id: ResourceId, found: &Vm) -> bool {
    found.notes == windows::mark(&cx.region, id)
}

/// What an attempt left that was lost between making a VM and marking it.
pub fn is_our_crash(storage: &str, id: ResourceId, found: &Vm) -> bool {
    let folder = windows::vm_folder(storage, id);
    found.notes.is_empty() && found.state == State::Off && windows::is_below(&found.path, &folder)
}

/// The resource's VM, or none when it is absent. One that is not its own is a fault: it is never touched.
pub async fn own(cx: &Context, id: ResourceId) -> Result<Option<Vm>, Fault> {
    let name = windows::vm(id);
    let wanted = windows::mark(&cx.region, id);
    let mut named = cx.run(vm::named(&name)).await?;
    if named.len() > 1 {
        let ambiguous = Fault::new(&errors::hyperv::VM_AMBIGUOUS).hole("vm", name).hole("host", cx.host());
        return Err(ambiguous.hole("count", named.len()).hole("wanted", wanted));
    }
    let Some(found) = named.pop() else { return Ok(None) };
    if is_marked(cx, id, &found) || is_our_crash(&cx.settings.storage, id, &found) {
        return Ok(Some(found));
    }
    let notes = if found.notes.is_empty() { "nothing".to_owned() } else { found.notes };
    let foreign = Fault::new(&errors::hyperv::VM_FOREIGN).hole("vm", name).hole("host", cx.host());
    Err(foreign.hole("resource", format!("vm {id}")).hole("found", notes).hole("wanted", wanted))
}

fn absent(cx: &Context, id: ResourceId) -> Fault {
    Fault::new(&errors::hyperv::VM_ABSENT).hole("vm", windows::vm(id)).hole("host", cx.host())
}

/// The resource's VM, which must be there.
pub async fn present(cx: &Context, id: ResourceId) -> Result<Vm, Fault> {
    own(cx, id).await?.ok_or_else(|| absent(cx, id))
}

/// How Hyper-V knows the resource's VM. In a dry run it may be about to be made, and is shown by its name.
pub async fn identifier(cx: &Context, id: ResourceId) -> Result<String, Fault> {
    match own(cx, id).await? {
        Some(found) => Ok(found.id),
        None if cx.is_dry_run() => Ok(windows::vm(id)),
        None => Err(absent(cx, id)),
    }
}

/// Hyper-V answers on the host.
pub async fn answers(cx: &Context) -> Result<(), Fault> {
    let no_hyperv = || Fault::new(&errors::hyperv::NO_HYPERV).hole("host", cx.host());
    cx.run(commands::hyperv::host::info()).await?.map(drop).ok_or_else(no_hyperv)
}
