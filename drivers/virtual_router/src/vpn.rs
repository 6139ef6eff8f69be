//! A router's VPNs as they stand on its node: pure functions of its wish and of what the node's kernel can.

pub mod ipsec;
pub mod wireguard;

use model::ResourceId;
use model::virtual_router::network::Network;

/// Who carries a tunnel's packets: the kernel, or a process where the kernel cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    Kernel,
    Userspace,
}

/// What the node has for each kind of tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Means {
    pub esp: Carried,
    pub wireguard: Carried,
}

pub struct Vpns {
    pub ipsec: Option<ipsec::Config>,
    pub wireguard: Vec<wireguard::Config>,
    /// Who carries WireGuard.
    pub by: Carried,
}

impl Vpns {
    pub fn of(router: ResourceId, folder: &str, network: &Network, means: Means) -> Self {
        let wireguard = network.vpns.iter().filter_map(|site| wireguard::config(router, folder, site)).collect();
        Self { ipsec: ipsec::config(folder, network, means.esp), wireguard, by: means.wireguard }
    }

    /// The names of files that a router has for its VPNs, now or once.
    pub fn is_file(name: &str) -> bool {
        let ours = name.starts_with("wg") || name.starts_with("charon");
        ours || matches!(name, "swanctl.conf" | "strongswan.conf" | "vpns-loaded")
    }
}
