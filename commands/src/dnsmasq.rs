//! dnsmasq in a namespace: DHCP and DNS of a router's segments. It puts itself into the background once it serves.

use crate::ip::netns::inside;
use hosts::{Command, Invocation};

pub fn start(namespace: &str, config: &str) -> Command<()> {
    let config = option(config);
    Command::plain(Invocation::acts(start_argv(namespace, &config)))
}

pub fn option(config: &str) -> String {
    format!("--conf-file={config}")
}

/// As [`start`] runs it.
pub fn start_argv<'a>(namespace: &'a str, option: &'a str) -> Vec<&'a str> {
    inside(namespace, &["dnsmasq", option])
}
