//! keepalived runs in the namespace of a router of a pair, and has read its file. It belongs to no worker: it runs in the
//! background, with a pid file in the router's folder.

use super::daemon::running;
use super::is_there;
use super::namespace::{GLANCE, GLANCES, end};
use crate::layout::Layout;
use crate::vrrp::{CONFIG, Config};
use commands::ip::link;
use commands::{keepalived, kill};
use errors::Fault;
use keepalived::Start;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::names;

const KEEPALIVED: &str = "keepalived";

async fn pid(cx: &Context, namespace: &str, folder: &str) -> Result<Option<u32>, Fault> {
    Ok(running(cx, namespace, folder, KEEPALIVED).await?.first().map(|(_, pid)| *pid))
}

/// A router that stands alone has its addresses by itself.
pub struct NoVrrp {
    pub namespace: String,
    pub folder: String,
}

impl Step for NoVrrp {
    fn name(&self) -> String {
        "leave pair".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(pid(cx, &self.namespace, &self.folder).await?.is_none())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            // It takes its addresses and routes with it, and tells the other one that it goes.
            let pid = pid(cx, &self.namespace, &self.folder).await?;
            end(cx, &self.namespace, &Vec::from_iter(pid)).await
        })
    }
}

/// It runs, and has read its file as it is. What it has read is written down after it was told to, with the number of the
/// process that was.
pub struct Vrrp {
    pub layout: Layout,
    pub folder: String,
    pub config: Config,
}

impl Vrrp {
    fn told(&self) -> String {
        format!("{}/keepalived-told", self.folder)
    }

    fn wanted(&self, pid: u32) -> String {
        format!("pid {pid}\n{}\n", self.config.revision)
    }

    /// What was there before it is not its own: it would stay with whoever gives the router up.
    async fn clear(&self, cx: &Context) -> Result<(), Fault> {
        let namespace = &self.layout.namespace;
        let found =
            if is_there(cx, namespace).await? { cx.run(link::interfaces(namespace)).await? } else { Vec::new() };
        let mut lines = Vec::new();
        let is_port = |name: &str| name == names::UPLINK || names::is_segment_link(name);
        for link::Interface { link, addresses } in found.iter().filter(|own| is_port(&own.link.name)) {
            let nets = addresses.iter().filter(|address| address.scope == "global");
            lines.extend(nets.map(|net| format!("address delete {}/{} dev {}", net.local, net.prefix, link.name)));
        }
        if lines.is_empty() { Ok(()) } else { cx.run(link::batch_inside(namespace, &lines)).await }
    }

    async fn start(&self, cx: &Context) -> Result<u32, Fault> {
        self.clear(cx).await?;
        let Config { pid_file, vrrp_pid_file, .. } = &self.config;
        // After a power cut its number may be another process's, which it would take for itself.
        cx.remove(pid_file).await?;
        cx.remove(vrrp_pid_file).await?;
        let start = Start::new(&format!("{}/{CONFIG}", self.folder), pid_file, vrrp_pid_file);
        cx.run(keepalived::start(&self.layout.namespace, &start)).await?;
        for _ in 0..GLANCES {
            if cx.is_dry_run() {
                return Ok(0);
            }
            if let Some(pid) = pid(cx, &self.layout.namespace, &self.folder).await? {
                return Ok(pid);
            }
            cx.pause(GLANCE).await?;
        }
        Err(Fault::new(&errors::virtual_router::NO_VRRP)
            .hole("namespace", &self.layout.namespace)
            .hole("host", cx.host()))
    }
}

impl Step for Vrrp {
    fn name(&self) -> String {
        "hold with its pair".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let Some(pid) = pid(cx, &self.layout.namespace, &self.folder).await? else { return Ok(Look::Todo) };
            let told = cx.get(&self.told()).await?;
            Ok(Look::done_if(told.as_deref() == Some(self.wanted(pid).as_bytes())))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let pid = match pid(cx, &self.layout.namespace, &self.folder).await? {
                Some(pid) => {
                    cx.run(kill::hang_up(&[pid])).await?;
                    pid
                }
                None => self.start(cx).await?,
            };
            cx.put(&self.told(), self.wanted(pid).as_bytes(), 0o600).await
        })
    }
}

/// keepalived has taken its addresses from the links that go. One that went before would make it give the router up.
pub struct LetGo {
    pub layout: Layout,
}

impl LetGo {
    async fn holds(&self, cx: &Context) -> Result<bool, Fault> {
        let namespace = &self.layout.namespace;
        if !is_there(cx, namespace).await? {
            return Ok(false);
        }
        let goes = |name: &str| self.layout.is_gone(name);
        let held = |own: &link::Interface| own.addresses.iter().any(|address| address.scope == "global");
        Ok(cx.run(link::interfaces(namespace)).await?.iter().any(|own| goes(&own.link.name) && held(own)))
    }
}

impl Step for LetGo {
    fn name(&self) -> String {
        "let go of segments".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(!self.holds(cx).await?)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            for _ in 0..GLANCES {
                if cx.is_dry_run() || !self.holds(cx).await? {
                    return Ok(());
                }
                cx.pause(GLANCE).await?;
            }
            let fault = Fault::new(&errors::virtual_router::NO_VRRP);
            Err(fault.hole("namespace", &self.layout.namespace).hole("host", cx.host()))
        })
    }
}
