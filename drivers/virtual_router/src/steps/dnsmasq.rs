//! dnsmasq runs in the namespace with the configuration that is wanted, and has read its files of hosts. It belongs to no
//! worker: it puts itself into the background, with a pid file in the router's folder.

use super::daemon::{end_all_but, running};
use commands::{dnsmasq, kill};
use lifecycle::{Acted, Context, Look, Looked, Step};

const DNSMASQ: &str = "dnsmasq-";

/// The wanted one runs, and no other.
pub struct Serving {
    pub namespace: String,
    pub folder: String,
    /// None where there is nothing to serve.
    pub pid_file: Option<String>,
}

impl Step for Serving {
    fn name(&self) -> String {
        "DHCP and DNS".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let running = running(cx, &self.namespace, &self.folder, DNSMASQ).await?;
            Ok(Look::done_if(running.iter().map(|(path, _)| path).eq(&self.pid_file)))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let running = running(cx, &self.namespace, &self.folder, DNSMASQ).await?;
            end_all_but(cx, &self.namespace, &running, self.pid_file.as_deref()).await?;
            if self.pid_file.is_some() && !running.iter().any(|(path, _)| Some(path) == self.pid_file.as_ref()) {
                cx.run(dnsmasq::start(&self.namespace, &format!("{}/dnsmasq.conf", self.folder))).await?;
            }
            Ok(())
        })
    }
}

/// It has read the files of hosts as they are. What was told last is written down after it was told, so that a signal that was
/// not sent is sent.
pub struct Loaded {
    pub namespace: String,
    pub folder: String,
    pub pid_file: Option<String>,
    /// Digest of the files.
    pub hosts: String,
}

impl Loaded {
    fn told(&self) -> String {
        format!("{}/hosts-loaded", self.folder)
    }
}

impl Step for Loaded {
    fn name(&self) -> String {
        "leases and names".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let told = cx.get(&self.told()).await?;
            Ok(Look::done_if(self.pid_file.is_none() || told.as_deref() == Some(self.hosts.as_bytes())))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let running = running(cx, &self.namespace, &self.folder, DNSMASQ).await?;
            let pids: Vec<_> = running.iter().map(|(_, pid)| *pid).collect();
            if !pids.is_empty() {
                cx.run(kill::hang_up(&pids)).await?;
            }
            cx.put(&self.told(), self.hosts.as_bytes(), 0o600).await
        })
    }
}
