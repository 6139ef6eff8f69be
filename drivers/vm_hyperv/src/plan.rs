//! What every verb looks at before it begins.

use commands::hyperv::host;
use errors::Fault;
use hyperv::answers;
use lifecycle::Context;
use model::image::Image;
use model::server::Carrier;
use model::vm::{Nic, Vm};

/// A nic as it is to be on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wired {
    pub mac: String,
    pub vlan: u16,
}

/// How the host is.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The folder of images and VMs.
    pub storage: String,
    pub switch: String,
    pub nics: Vec<Wired>,
}

/// Hyper-V answers, and what the VM is plugged into is there.
pub async fn look(cx: &Context, vm: &Vm) -> Result<Plan, Fault> {
    answers(cx).await?;
    let nics = vm.spec.nics.iter().map(|nic| wired(cx, nic)).collect::<Result<Vec<_>, _>>()?;
    let switch = cx.settings.hyperv.switch.clone();
    if !nics.is_empty() && cx.run(host::switch(&switch)).await?.as_deref() != Some("External") {
        return Err(Fault::new(&errors::vm_hyperv::NO_SWITCH).hole("host", cx.host()).hole("switch", switch));
    }
    Ok(Plan { storage: cx.settings.storage.clone(), switch, nics })
}

fn wired(cx: &Context, nic: &Nic) -> Result<Wired, Fault> {
    let carrier = &cx.settings.router.carrier;
    let mac = nic.mac.clone().unwrap_or_default();
    if let Some(vlan) = carrier.vlan(nic.segment()) {
        return Ok(Wired { mac, vlan });
    }
    let reason = match carrier {
        Carrier::Vlan { first, .. } => format!("{first} + {} is no VLAN", nic.segment()),
        Carrier::Plain => "the host's carrier is plain".to_owned(),
        Carrier::Vxlan { .. } => "the host's carrier is vxlan".to_owned(),
    };
    let no_vlan = Fault::new(&errors::vm_hyperv::NO_VLAN).hole("segment", &nic.segment).hole("host", cx.host());
    Err(no_vlan.hole("reason", reason))
}

/// The image that a VM's record names.
pub fn image<'a>(cx: &'a Context, vm: &Vm) -> Result<&'a Image, Fault> {
    cx.image.as_ref().ok_or_else(|| Fault::new(&errors::vm_hyperv::NO_IMAGE).hole("resource", vm.label()))
}
