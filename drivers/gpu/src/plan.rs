//! What both verbs look at before they begin: the device with its group, and who has it.

use crate::mediated::{alone, unsplit};
use crate::steps::{Attach, Detach, given};
use commands::virsh;
use commands::virsh::nodedev;
use domains::{Which, hostdevs, present};
use errors::{Entry, Fault};
use lifecycle::{Context, Prerequisite, Steps};
use model::device::Device;
use model::gpu::Gpu;
use model::pci::PciAddress;
use model::{State, names};

/// What comes or goes together: the functions of a PCI device with its IOMMU group, or one mediated device.
pub struct Plan {
    which: Which,
    come: Vec<Device>,
    go: Vec<Device>,
}

/// Ready when the VM is in this state; else a wait for it. A VM that is closed has given everything back, and one that failed
/// may give it back.
pub fn needs(cx: &Context, gpu: &Gpu, wanted: State) -> Prerequisite<()> {
    match cx.vm() {
        Ok(vm) if vm.state == State::Unresourced && wanted == State::Quiesced && gpu.spec.vm.is_none() => {
            Prerequisite::Ready(())
        }
        Ok(vm) if vm.state != wanted && vm.state != State::Closed => Prerequisite::Wait {
            reason: format!("vm {} to be {wanted}, it is {}", vm.id, vm.state),
            resource: Some(vm.id),
        },
        _ => Prerequisite::Ready(()),
    }
}

/// What counts of a VM that is off: its definition. One that failed may run all the same.
pub async fn off(cx: &Context) -> Result<Which, Fault> {
    let Some(vm) = cx.vm().ok().filter(|vm| vm.state == State::Unresourced) else { return Ok(Which::Kept) };
    let found = cx.run(virsh::info(&cx.settings.libvirt_uri, &names::domain(vm.id))).await?;
    let is_off = found.is_none_or(|info| info.state == virsh::State::ShutOff);
    Ok(if is_off { Which::Kept } else { Which::Live })
}

pub async fn look(cx: &Context, gpu: &Gpu, which: Which) -> Result<Plan, Fault> {
    let Ok(vm) = cx.vm() else { return Ok(Plan { which, come: Vec::new(), go: Vec::new() }) };
    cx.run(virsh::version(&cx.settings.libvirt_uri)).await?;
    let come = match (gpu.spec.vm, gpu.spec.device) {
        (None, _) => Vec::new(),
        (Some(_), Device::Pci(address)) => whole(cx, gpu, address, which).await?,
        (Some(_), Device::Mediated(uuid)) => alone(cx, gpu, uuid).await?,
    };
    let own = given(cx, vm.id, which).await?.into_iter().filter(|own| own.gpu == Some(gpu.id));
    let go = own.map(|own| own.device).filter(|device| !come.contains(device)).collect();
    if !come.is_empty() {
        present(cx, vm.id, Which::Kept).await?;
        unused(cx, gpu, &come).await?;
    }
    Ok(Plan { which, come, go })
}

pub fn steps(cx: &Context, gpu: &Gpu, plan: Plan) -> Result<Steps, Fault> {
    let (mut steps, which) = (Steps::new(), plan.which);
    let Ok(vm) = cx.vm() else { return Ok(steps) };
    for device in plan.go {
        steps.then(Detach { vm: vm.id, gpu: gpu.id, device, which, host: cx.host().into() });
    }
    for device in plan.come {
        steps.then(Attach { vm: vm.id, gpu: gpu.id, device, which, host: cx.host().into() });
    }
    Ok(steps)
}

pub fn fault(cx: &Context, gpu: &Gpu, entry: &'static Entry) -> Fault {
    Fault::new(entry).hole("device", gpu.spec.device).hole("host", cx.host())
}

/// `id` is what the device is.
pub fn allowed(cx: &Context, gpu: &Gpu, id: &str) -> Result<(), Fault> {
    if cx.settings.gpu.allows(gpu.spec.device, Some(id)) {
        return Ok(());
    }
    Err(fault(cx, gpu, &errors::gpu::NOT_ALLOWED).hole("id", id))
}

/// A PCI device that may be given, and no share of it is a device by itself, with what comes along.
async fn whole(cx: &Context, gpu: &Gpu, address: PciAddress, which: Which) -> Result<Vec<Device>, Fault> {
    let device = find(cx, address).await?.ok_or_else(|| fault(cx, gpu, &errors::gpu::ABSENT))?;
    allowed(cx, gpu, &device.id)?;
    let come = match device.group {
        Some(group) => together(cx, gpu, address, group).await?,
        // The definition can be written all the same; the host must be mended before the VM starts.
        None if which == Which::Kept => {
            cx.note(format!("{} has no IOMMU group: the VM cannot start with {address} before it has one", cx.host()));
            vec![address.into()]
        }
        None => return Err(fault(cx, gpu, &errors::gpu::NO_IOMMU)),
    };
    unsplit(cx, gpu, &come).await?;
    Ok(come)
}

/// All that its IOMMU group holds beside bridges. Others than its own functions must be free.
async fn together(cx: &Context, gpu: &Gpu, address: PciAddress, group: nodedev::Group) -> Result<Vec<Device>, Fault> {
    let (mut come, mut others) = (Vec::new(), Vec::new());
    for member in &group.members {
        let Some(member) = find(cx, *member).await?.filter(|member| !member.is_bridge()) else { continue };
        if member.address.is_beside(&address) || member.is_free() {
            come.push(member.address.into());
        } else {
            others.push(format!("{} ({})", member.address, member.driver.unwrap_or_default()));
        }
    }
    if !others.is_empty() {
        let shared = fault(cx, gpu, &errors::gpu::SHARED).hole("group", group.number);
        return Err(shared.hole("others", others.join(", ")));
    }
    Ok(come)
}

async fn find(cx: &Context, address: PciAddress) -> Result<Option<nodedev::Device>, Fault> {
    cx.run(nodedev::device(&cx.settings.libvirt_uri, address)).await
}

/// No other domain has any of them, and this one has them by this record.
async fn unused(cx: &Context, gpu: &Gpu, come: &[Device]) -> Result<(), Fault> {
    let (uri, own) = (&cx.settings.libvirt_uri, names::domain(cx.vm()?.id));
    for domain in cx.run(virsh::domains(uri)).await? {
        let kept = cx.run(virsh::definition(uri, &domain)).await?.unwrap_or_default();
        let live = cx.run(virsh::live(uri, &domain)).await?.unwrap_or_default();
        // One that cannot be read is of another maker.
        let has = [kept, live].iter().flat_map(|xml| hostdevs(xml).unwrap_or_default()).collect::<Vec<_>>();
        let is_own = |found: &domains::Hostdev| found.gpu == Some(gpu.id) && domain == own;
        if let Some(other) = has.iter().find(|found| come.contains(&found.device) && !is_own(found)) {
            let busy = Fault::new(&errors::gpu::BUSY).hole("device", other.device).hole("host", cx.host());
            return Err(busy.hole("domain", domain));
        }
    }
    Ok(())
}
