//! What only the driver of virtual routers can meet.

use crate::{Category, Entry};

pub static NO_PUBLIC_BRIDGE: Entry = Entry {
    code: "2100",
    text: "{host} has no link {bridge}, which its record names as the way out.",
    cause: "The node's network is not set up, or the server's record names another bridge.",
    remedy: "Make that bridge on the node, or correct settings.router.public_bridge, then retry.",
    category: Category::HostRefused,
};

pub static PROCESS_STAYS: Entry = Entry {
    code: "2101",
    text: "A process in namespace {namespace} on {host} does not end.",
    cause: "It hangs, or it was started by hand and ignores being told to end.",
    remedy: "Find it with ip netns pids {namespace}, end it, then retry.",
    category: Category::HostRefused,
};

pub static NO_PROGRAM: Entry = Entry {
    code: "2102",
    text: "{host} has no {program}, which the router's VPN or pair needs.",
    cause: "The package {package} is not installed on the node, and its kernel does not do the work alone.",
    remedy: "Install {package} on the node, then retry.",
    category: Category::HostRefused,
};

pub static NO_VRRP: Entry = Entry {
    code: "2103",
    text: "keepalived in namespace {namespace} on {host} does not do what its file says.",
    cause: "It does not start, or it hangs.",
    remedy: "See the node's log, and keepalived --config-test with its file; then retry.",
    category: Category::HostRefused,
};

pub static VLAN_NUMBER: Entry = Entry {
    code: "1100",
    text: "Segment {segment} would be VLAN {number} on {host}, and VLANs end at 4094.",
    cause: "The region has had more segments than there are VLANs after the first one.",
    remedy: "Carry the region's segments by VXLAN, or lower settings.router.carrier.vlan.first.",
    category: Category::InvalidInput,
};

pub(crate) const ENTRIES: &[&Entry] = &[&NO_PUBLIC_BRIDGE, &PROCESS_STAYS, &NO_PROGRAM, &NO_VRRP, &VLAN_NUMBER];

/// Every `<driver>_<verb>` under which these numbers stand.
pub(crate) const SCOPES: &[&str] = &[
    "virtual_router_build",
    "virtual_router_quiesce",
    "virtual_router_restart",
    "virtual_router_scrub",
    "virtual_router_scrubprep",
    "virtual_router_updatequiesced",
    "virtual_router_updaterunning",
];
