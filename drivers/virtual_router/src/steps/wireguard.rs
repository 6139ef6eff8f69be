//! WireGuard links: there, and with their keys and peers.

use super::is_there;
use crate::ruleset::digest;
use crate::vpn::Carried;
use crate::vpn::wireguard::Config;
use commands::ip::link;
use commands::{files, wireguard};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::{ResourceId, names};

pub struct WireguardLink {
    pub namespace: String,
    pub link: String,
    pub by: Carried,
}

impl Step for WireguardLink {
    fn name(&self) -> String {
        format!("link {}", self.link)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            if !is_there(cx, &self.namespace).await? {
                return Ok(Look::Todo);
            }
            let links = cx.run(link::interfaces(&self.namespace)).await?;
            Ok(Look::done_if(links.iter().any(|own| own.link.name == self.link)))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            match self.by {
                Carried::Kernel => cx.run(link::add_wireguard(&self.namespace, &self.link)).await,
                Carried::Userspace => cx.run(wireguard::start(&self.namespace, &self.link)).await,
            }
        })
    }
}

/// What was read last is written down after it was read: where the peer is cannot be seen at the link, as peers may move.
pub struct WireguardPeer {
    pub namespace: String,
    pub config: Config,
}

impl WireguardPeer {
    fn told(&self) -> String {
        format!("{}-loaded", self.config.file)
    }
}

impl Step for WireguardPeer {
    fn name(&self) -> String {
        format!("keys and peer of {}", self.config.link)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let Config { link, text, device, .. } = &self.config;
            if !is_there(cx, &self.namespace).await? {
                return Ok(Look::Todo);
            }
            let has = cx.run(wireguard::show(&self.namespace, link)).await?;
            let told = cx.get(&self.told()).await?;
            Ok(Look::done_if(has.as_ref() == Some(device) && told.as_deref() == Some(digest(text).as_bytes())))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let Config { link, file, text, .. } = &self.config;
            cx.run(wireguard::sync(&self.namespace, link, file)).await?;
            cx.put(&self.told(), digest(text).as_bytes(), 0o600).await
        })
    }
}

/// A process that was killed has left its control socket.
pub struct NoVpnSockets {
    pub router: ResourceId,
}

impl NoVpnSockets {
    async fn left(&self, cx: &Context) -> Result<Vec<String>, Fault> {
        let names = cx.run(files::list(names::VPN_SOCKETS)).await?;
        let ours = names.iter().filter(|name| names::is_vpn_link(self.router, name));
        Ok(ours.map(|name| format!("{}/{name}", names::VPN_SOCKETS)).collect())
    }
}

impl Step for NoVpnSockets {
    fn name(&self) -> String {
        "remove sockets".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.left(cx).await?.is_empty())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            for path in self.left(cx).await? {
                cx.remove(&path).await?;
            }
            Ok(())
        })
    }
}
