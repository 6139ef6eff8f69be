//! What a verb reads and looks at before it begins.

use commands::ip::link;
use errors::Fault;
use lifecycle::{Context, Prerequisite};
use model::server::Carrier;
use model::virtual_router::VirtualRouter;
use model::virtual_router::network::Network;

/// The highest number of a VLAN.
const MOST_VLANS: i64 = 4094;

#[derive(Clone, Debug)]
pub struct Plan {
    pub network: Network,
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
    Ok(Prerequisite::Ready(Plan { network }))
}
