//! A segment's bridge on a host: made when missing, removed when nobody is left on it.

use commands::{ip, virsh};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::lock::LockName;

pub struct Bridge {
    pub name: String,
    pub host: String,
}

fn lock(host: &str, bridge: &str) -> Option<LockName> {
    Some(LockName::Network { host: host.to_owned(), segment: bridge.to_owned() })
}

async fn find(cx: &Context, name: &str) -> Result<Option<ip::Bridge>, Fault> {
    Ok(cx.run(ip::bridges()).await?.into_iter().find(|bridge| bridge.name == name))
}

impl Step for Bridge {
    fn name(&self) -> String {
        format!("bridge {}", self.name)
    }

    fn lock(&self) -> Option<LockName> {
        lock(&self.host, &self.name)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(find(cx, &self.name).await?.is_some_and(|bridge| bridge.is_up()))) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            if find(cx, &self.name).await?.is_none() {
                cx.run(ip::add_bridge(&self.name)).await?;
                cx.run(ip::claim(&self.name)).await?;
            }
            cx.run(ip::up(&self.name)).await
        })
    }
}

/// Bridges that drover made, that no defined domain names, and that nothing is plugged into: whoever was on them has gone.
/// All of the host's, not only this VM's: an attempt that was lost on the way may have left one.
pub struct LeaveBridges {
    pub host: String,
}

impl LeaveBridges {
    async fn idle(&self, cx: &Context) -> Result<Vec<String>, Fault> {
        let ours = cx.run(ip::bridges()).await?.into_iter().filter(ip::Bridge::is_ours);
        let mut idle: Vec<String> = ours.map(|bridge| bridge.name).collect();
        if idle.is_empty() {
            return Ok(idle);
        }
        let uri = &cx.settings.libvirt_uri;
        for domain in cx.run(virsh::domains(uri)).await? {
            // One that drover cannot read is asked for no more than the bridges' names.
            let xml = cx.run(virsh::definition(uri, &domain)).await?.unwrap_or_default();
            let uses = |name: &String| match domains::read(&xml) {
                Ok(domain) => domain.nics.iter().any(|nic| &nic.bridge == name),
                Err(_) => xml.contains(name.as_str()),
            };
            idle.retain(|name| !uses(name));
        }
        let mut unplugged = Vec::new();
        for name in idle {
            if cx.run(ip::ports(&name)).await? == 0 {
                unplugged.push(name);
            }
        }
        Ok(unplugged)
    }
}

impl Step for LeaveBridges {
    fn name(&self) -> String {
        "leave bridges".into()
    }

    /// Two that leave at once would both find the same bridge.
    fn lock(&self) -> Option<LockName> {
        lock(&self.host, "idle")
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.idle(cx).await?.is_empty())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            for name in self.idle(cx).await? {
                cx.run(ip::delete_bridge(&name)).await?;
            }
            Ok(())
        })
    }
}
