//! A segment's bridge on a host, with what carries it from host to host: made when missing, removed when nobody is left on
//! it.

pub mod carrier;

use commands::{ip, virsh};
use errors::Fault;
use ip::link;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::lock::LockName;
use model::server::Carrier;
use model::{SegmentId, names};

pub struct Bridge {
    pub segment: SegmentId,
    pub name: String,
    pub host: String,
}

fn lock(host: &str, bridge: &str) -> Option<LockName> {
    Some(LockName::Network { host: host.to_owned(), segment: bridge.to_owned() })
}

/// Whether the segment's carrier is plugged in, where there is one.
async fn is_carried(cx: &Context, segment: SegmentId, bridge: &str) -> Result<bool, Fault> {
    if cx.settings.router.carrier == Carrier::Plain {
        return Ok(true);
    }
    let found = cx.run(link::find(&names::carrier(segment))).await?;
    Ok(found.is_some_and(|link| link.is_up() && link.master.as_deref() == Some(bridge)))
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
        Box::pin(async move {
            let is_up = find(cx, &self.name).await?.is_some_and(|bridge| bridge.is_up());
            Ok(Look::done_if(is_up && is_carried(cx, self.segment, &self.name).await?))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let found = find(cx, &self.name).await?;
            if found.is_none() {
                cx.run(ip::add_bridge(&self.name)).await?;
            }
            // Also one that an attempt that was lost has made and not marked: of drover's name, and down.
            if found.is_none_or(|bridge| bridge.alias.is_none() && !bridge.is_up()) {
                cx.run(ip::claim(&self.name)).await?;
            }
            cx.run(ip::up(&self.name)).await?;
            let carrier = &cx.settings.router.carrier;
            if is_carried(cx, self.segment, &self.name).await? {
                return Ok(());
            }
            // What was begun and not finished is made anew.
            let own = names::carrier(self.segment);
            if cx.run(link::find(&own)).await?.is_some() {
                cx.run(link::batch(&[format!("link delete dev {own}")])).await?;
            }
            // Plugged in last: what is plugged in is whole.
            cx.run(link::batch(&carrier::made(carrier, self.segment))).await?;
            let flood = carrier::flood(carrier, self.segment);
            if !flood.is_empty() {
                cx.run(link::flood(&flood)).await?;
            }
            cx.run(link::batch(&[carrier::plugged(self.segment, &self.name)])).await
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
        let domains = match cx.run(virsh::domains(uri)).await {
            // A router node has no libvirt, and so no domains.
            Err(fault) if fault.entry == &errors::driver::PROGRAM_MISSING => Vec::new(),
            result => result?,
        };
        for domain in domains {
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
                if cx.settings.router.carrier != Carrier::Plain
                    && let Some(own) = names::segment_of(&name).map(names::carrier)
                    && cx.run(link::find(&own)).await?.is_some()
                {
                    cx.run(link::batch(&[format!("link delete dev {own}")])).await?;
                }
                cx.run(ip::delete_bridge(&name)).await?;
            }
            Ok(())
        })
    }
}
