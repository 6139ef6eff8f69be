//! What a verb reads and looks at before it begins.

use crate::vpn::{Carried, Means};
use commands::ip::link;
use commands::{files, keepalived, strongswan, unshare, wireguard};
use errors::Fault;
use lifecycle::{Context, Prerequisite};
use model::ResourceType;
use model::server::Carrier;
use model::virtual_router::VirtualRouter;
use model::virtual_router::network::Network;

/// The highest number of a VLAN.
const MOST_VLANS: i64 = 4094;

#[derive(Clone, Debug)]
pub struct Plan {
    pub network: Network,
    pub means: Means,
}

/// The wish can be read, and the node has the way out that it needs.
pub async fn look(cx: &Context, router: &VirtualRouter) -> Result<Prerequisite<Plan>, Fault> {
    let unreadable =
        |reason| Fault::new(&errors::driver::SPEC_UNREADABLE).hole("resource", router.label()).hole("reason", reason);
    let network = Network::read(&router.spec).map_err(unreadable)?;
    let settings = &cx.settings.router;
    if let Carrier::Vlan { first, .. } = settings.carrier
        && let Some(lan) = network.lans.iter().find(|lan| i64::from(first) + lan.id.0 > MOST_VLANS)
    {
        let fault = Fault::new(&errors::virtual_router::VLAN_NUMBER).hole("segment", &lan.name);
        return Ok(Prerequisite::Refuse(fault.hole("number", i64::from(first) + lan.id.0).hole("host", cx.host())));
    }
    if network.has_uplink() && cx.run(link::find(&settings.public_bridge)).await?.is_none() {
        let fault = Fault::new(&errors::virtual_router::NO_PUBLIC_BRIDGE).hole("bridge", &settings.public_bridge);
        return Ok(Prerequisite::Refuse(fault.hole("host", cx.host())));
    }
    Ok(match means(cx, &network).await? {
        // A standby that goes may still have the addresses that this router is to have alone.
        Ok(means) => {
            let standby = network.pair.map(|halves| halves.second);
            cx.needs_put_aside(ResourceType::VirtualRouter, standby, Plan { network, means })
        }
        Err(fault) => Prerequisite::Refuse(fault),
    })
}

/// What the node has for VPNs and a pair: the kernel's own, else a process; or what is to be installed.
async fn means(cx: &Context, network: &Network) -> Result<Result<Means, Fault>, Fault> {
    let mut means = Means { esp: Carried::Kernel, wireguard: Carried::Kernel };
    let mut needed = Vec::new();
    if network.pair.is_some() {
        needed.push((keepalived::KEEPALIVED, "keepalived"));
    }
    if network.vpns.iter().any(|site| site.ipsec().is_some()) {
        needed.extend([(strongswan::CHARON, "charon-systemd"), (strongswan::SWANCTL, "strongswan-swanctl")]);
        if !cx.run(unshare::has_esp()).await? {
            means.esp = Carried::Userspace;
            needed.push((strongswan::LIBIPSEC, "libcharon-extra-plugins"));
        }
    }
    if network.vpns.iter().any(|site| site.wireguard().is_some()) {
        needed.push((wireguard::WG, "wireguard-tools"));
        if !cx.run(unshare::has_wireguard()).await? {
            means.wireguard = Carried::Userspace;
            needed.push((wireguard::WIREGUARD_GO, "wireguard-go"));
        }
    }
    for (program, package) in needed {
        if !cx.run(files::exists(program)).await? {
            let fault = Fault::new(&errors::virtual_router::NO_PROGRAM).hole("program", program);
            return Ok(Err(fault.hole("package", package).hole("host", cx.host())));
        }
    }
    Ok(Ok(means))
}
