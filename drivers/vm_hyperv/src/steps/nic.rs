//! A VM's nics on the virtual switch, each with its VLAN.

use crate::plan::Wired;
use commands::hyperv::adapter::{self, Adapter};
use errors::Fault;
use hyperv::{Nic, identifier, nics, own};
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::ResourceId;

async fn own_nics(cx: &Context, vm: ResourceId) -> Result<Option<Vec<Nic>>, Fault> {
    match own(cx, vm).await? {
        Some(found) => nics(cx, &found.id).await.map(Some),
        None => Ok(None),
    }
}

/// On its segment, and plugged in last: without its VLAN it would be on another for a moment.
pub struct Plugged {
    pub vm: ResourceId,
    pub nic: Wired,
    pub switch: String,
}

impl Plugged {
    fn is_so(&self, found: &Nic) -> bool {
        let Adapter { mac, switch, .. } = &found.adapter;
        mac.as_ref() == Some(&self.nic.mac)
            && switch.as_ref() == Some(&self.switch)
            && found.vlan == Some(self.nic.vlan)
    }

    /// Its adapter, made when missing.
    async fn adapter(&self, cx: &Context, vm: &str) -> Result<(String, Option<Nic>), Fault> {
        let found =
            if cx.is_dry_run() { own_nics(cx, self.vm).await?.unwrap_or_default() } else { nics(cx, vm).await? };
        if let Some(nic) = found.into_iter().find(|nic| nic.adapter.mac.as_ref() == Some(&self.nic.mac)) {
            return Ok((nic.adapter.id.clone(), Some(nic)));
        }
        let name = model::windows::adapter(&self.nic.mac);
        Ok((cx.run(adapter::add(vm, &name, &self.nic.mac)).await?.unwrap_or(name), None))
    }
}

impl Step for Plugged {
    fn name(&self) -> String {
        format!("nic {}", self.nic.mac)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let found = own_nics(cx, self.vm).await?.unwrap_or_default();
            Ok(Look::done_if(found.iter().any(|nic| self.is_so(nic))))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let vm = identifier(cx, self.vm).await?;
            let (id, found) = self.adapter(cx, &vm).await?;
            if found.as_ref().is_none_or(|nic| nic.vlan != Some(self.nic.vlan)) {
                if found.as_ref().is_some_and(|nic| nic.adapter.switch.is_some()) {
                    cx.run(adapter::disconnect(&vm, &id)).await?;
                }
                cx.run(adapter::set_vlan(&vm, &id, self.nic.vlan)).await?;
            }
            cx.run(adapter::guard(&vm, &id)).await?;
            cx.run(adapter::connect(&vm, &id, &self.switch)).await
        })
    }
}

/// Adapters that the wish does not name are not in the VM any more; a new VM comes with one.
pub struct NoOtherNics {
    pub vm: ResourceId,
    pub macs: Vec<String>,
}

impl NoOtherNics {
    fn is_other(&self, nic: &Nic) -> bool {
        nic.adapter.mac.as_ref().is_none_or(|mac| !self.macs.contains(mac))
    }
}

impl Step for NoOtherNics {
    fn name(&self) -> String {
        "remove nics".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            // Of a VM that is about to be made nobody knows.
            let found = own_nics(cx, self.vm).await?;
            Ok(Look::done_if(found.is_some_and(|found| !found.iter().any(|nic| self.is_other(nic)))))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let vm = identifier(cx, self.vm).await?;
            for nic in own_nics(cx, self.vm).await?.unwrap_or_default().iter().filter(|nic| self.is_other(nic)) {
                cx.run(adapter::remove(&vm, &nic.adapter.id)).await?;
            }
            Ok(())
        })
    }
}

/// On no segment; [`Plugged`] is the way back.
pub struct Unplugged {
    pub vm: ResourceId,
}

impl Step for Unplugged {
    fn name(&self) -> String {
        "unplug nics".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let found = own_nics(cx, self.vm).await?.unwrap_or_default();
            Ok(Look::done_if(found.iter().all(|nic| nic.adapter.switch.is_none())))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let vm = identifier(cx, self.vm).await?;
            let found = own_nics(cx, self.vm).await?.unwrap_or_default();
            for nic in found.iter().filter(|nic| nic.adapter.switch.is_some()) {
                cx.run(adapter::disconnect(&vm, &nic.adapter.id)).await?;
            }
            Ok(())
        })
    }
}
