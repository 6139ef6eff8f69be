//! The steps that the verbs share: each looks, acts, and looks again.

pub mod boot;
pub mod daemon;
pub mod dnsmasq;
pub mod files;
pub mod forwarding;
pub mod ipsec;
pub mod leftovers;
pub mod links;
pub mod namespace;
pub mod ruleset;
pub mod vrrp;
pub mod wireguard;

use commands::ip::netns;
use errors::Fault;
use lifecycle::Context;

/// Whether the namespace is there; in one that is not nothing can be looked at.
async fn is_there(cx: &Context, namespace: &str) -> Result<bool, Fault> {
    Ok(cx.run(netns::list()).await?.iter().any(|name| name == namespace))
}

/// The processes in a namespace, none where it is absent.
async fn pids(cx: &Context, namespace: &str) -> Result<Vec<u32>, Fault> {
    if is_there(cx, namespace).await? { cx.run(netns::pids(namespace)).await } else { Ok(Vec::new()) }
}
