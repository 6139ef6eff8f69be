//! The kernel's settings: the namespace forwards, and what its rules log reaches the node's log.

use super::is_there;
use commands::sysctl;
use lifecycle::{Acted, Context, Look, Looked, Step};

/// `default` is for the links that come, `all` for those that are there.
const SETTINGS: &[(&str, &str)] = &[
    ("net.ipv4.ip_forward", "1"),
    ("net.ipv6.conf.all.forwarding", "1"),
    // It answers for its own addresses on their own segment only.
    ("net.ipv4.conf.all.arp_ignore", "1"),
    ("net.ipv4.conf.all.send_redirects", "0"),
    ("net.ipv4.conf.default.send_redirects", "0"),
    // The ruleset looks at where packets come from, for IPv6 too.
    ("net.ipv4.conf.all.rp_filter", "0"),
    ("net.ipv4.conf.default.rp_filter", "0"),
    // Another address of a network stays when the first one goes.
    ("net.ipv4.conf.all.promote_secondaries", "1"),
];

/// As `sysctl -p` reads it.
pub fn text() -> String {
    SETTINGS.iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
}

pub struct Forwarding {
    pub namespace: String,
    pub folder: String,
}

impl Step for Forwarding {
    fn name(&self) -> String {
        "forwarding".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            if !is_there(cx, &self.namespace).await? {
                return Ok(Look::Todo);
            }
            let keys: Vec<_> = SETTINGS.iter().map(|(key, _)| *key).collect();
            let values = cx.run(sysctl::read(&self.namespace, &keys)).await?;
            Ok(Look::done_if(values.iter().eq(SETTINGS.iter().map(|(_, value)| value))))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(
            async move { cx.run(sysctl::load(&self.namespace, &format!("{}/forwarding.conf", self.folder))).await },
        )
    }
}

/// By default the kernel throws away what is logged in a namespace. It stays so for the whole node.
pub struct LogOfNamespaces;

const LOG: &str = "net.netfilter.nf_log_all_netns";

impl Step for LogOfNamespaces {
    fn name(&self) -> String {
        "log of namespaces".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(cx.run(sysctl::node(LOG)).await? == "1")) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.run(sysctl::set_node(LOG, "1")).await })
    }
}
