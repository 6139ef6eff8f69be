//! charon runs in the namespace, and has the connections that are wanted. It belongs to no worker: it runs in the background,
//! with a pid file in the router's folder.

use super::daemon::{end_all_but, running};
use crate::vpn::ipsec::Config;
use commands::strongswan::{self, Start};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use std::collections::BTreeMap;

const CHARON: &str = "charon-";

/// The wanted charon runs, and no other; none where no IPsec is wanted.
pub struct Charon {
    pub namespace: String,
    pub folder: String,
    pub pid_file: Option<String>,
}

impl Step for Charon {
    fn name(&self) -> String {
        "IPsec".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let running = running(cx, &self.namespace, &self.folder, CHARON).await?;
            Ok(Look::done_if(running.iter().map(|(path, _)| path).eq(&self.pid_file)))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let running = running(cx, &self.namespace, &self.folder, CHARON).await?;
            end_all_but(cx, &self.namespace, &running, self.pid_file.as_deref()).await?;
            match &self.pid_file {
                Some(pid_file) if !running.iter().any(|(path, _)| path == pid_file) => {
                    // After a power cut its number may be another process's, which start-stop-daemon would take for it.
                    cx.remove(pid_file).await?;
                    let start = Start::new(&format!("{}/strongswan.conf", self.folder), pid_file);
                    cx.run(strongswan::start(&self.namespace, &start)).await
                }
                _ => Ok(()),
            }
        })
    }
}

/// Charon has read the connections as they are. What it has read is written down after it has, with the number of the process
/// that did; one that changed is ended first, and the others stay.
pub struct Connected {
    pub namespace: String,
    pub folder: String,
    pub config: Config,
}

impl Connected {
    fn told(&self) -> String {
        format!("{}/vpns-loaded", self.folder)
    }

    async fn pid(&self, cx: &Context) -> Result<Option<u32>, Fault> {
        let running = running(cx, &self.namespace, &self.folder, CHARON).await?;
        Ok(running.iter().find(|(path, _)| *path == self.config.pid_file).map(|(_, pid)| *pid))
    }

    /// What stands there when this charon has read all of it.
    fn wanted(&self, pid: u32) -> String {
        let marks: String = self.config.marks.iter().map(|(name, mark)| format!("{name} {mark}\n")).collect();
        format!("pid {pid}\n{marks}")
    }
}

impl Step for Connected {
    fn name(&self) -> String {
        "IPsec connections".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let Some(pid) = self.pid(cx).await? else { return Ok(Look::Todo) };
            if cx.get(&self.told()).await?.as_deref() != Some(self.wanted(pid).as_bytes()) {
                return Ok(Look::Todo);
            }
            let mut has = cx.run(strongswan::connections(&self.config.socket)).await?;
            has.sort();
            let mut wanted: Vec<_> = self.config.marks.iter().map(|(name, _)| name).collect();
            wanted.sort();
            Ok(Look::done_if(has.iter().eq(wanted)))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            // In a dry run charon may not be there yet.
            let pid = self.pid(cx).await?.unwrap_or_default();
            if pid > 0 {
                let told = cx.get(&self.told()).await?.unwrap_or_default();
                let told = String::from_utf8_lossy(&told).into_owned();
                let told: BTreeMap<_, _> = told.lines().filter_map(|line| line.split_once(' ')).collect();
                let wanted: BTreeMap<_, _> =
                    self.config.marks.iter().map(|(name, mark)| (name.as_str(), mark.as_str())).collect();
                for name in cx.run(strongswan::connections(&self.config.socket)).await? {
                    let name = name.as_str();
                    if !wanted.contains_key(name) || wanted.get(name) != told.get(name) {
                        cx.run(strongswan::terminate(&self.config.socket, name)).await?;
                    }
                }
            }
            cx.run(strongswan::load(&self.config.socket, &format!("{}/swanctl.conf", self.folder))).await?;
            cx.put(&self.told(), self.wanted(pid).as_bytes(), 0o600).await
        })
    }
}
