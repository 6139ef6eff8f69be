//! keepalived in a namespace: VRRP between the two routers of a pair. It reads its file, and reads it again on a signal; it
//! puts itself into the background.

use crate::ip::netns::inside;
use hosts::{Command, Invocation};

pub const KEEPALIVED: &str = "/usr/sbin/keepalived";

/// What it is started with: its file, and where it writes its numbers, which it takes away when it ends.
pub struct Start {
    config: String,
    pid_file: String,
    /// Of the process that speaks VRRP.
    vrrp_pid_file: String,
}

impl Start {
    pub fn new(config: &str, pid_file: &str, vrrp_pid_file: &str) -> Self {
        Self {
            config: format!("--use-file={config}"),
            pid_file: format!("--pid={pid_file}"),
            vrrp_pid_file: format!("--vrrp_pid={vrrp_pid_file}"),
        }
    }

    pub fn argv<'a>(&'a self, namespace: &'a str) -> Vec<&'a str> {
        inside(namespace, &[KEEPALIVED, "--vrrp", &self.config, &self.pid_file, &self.vrrp_pid_file])
    }
}

pub fn start(namespace: &str, start: &Start) -> Command<()> {
    Command::plain(Invocation::acts(start.argv(namespace)))
}
