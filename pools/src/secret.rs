//! The key by which a host's guests reach their images, as a secret of libvirt. It comes out of the host's keyring and goes
//! over stdin; no definition, argument or log holds it.

use commands::{ceph, secret, virsh};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::lock::LockName;
use model::names;

/// The key of the host's Ceph user.
async fn key(cx: &Context) -> Result<String, Fault> {
    let settings = &cx.settings.ceph;
    let keyrings = cx.run(ceph::keyrings(settings)).await?;
    for path in &keyrings {
        let keyring = cx.get(path).await?.unwrap_or_default();
        if let Some(key) = ceph::key(&String::from_utf8_lossy(&keyring), &settings.user) {
            return Ok(key);
        }
    }
    let no_key = Fault::new(&errors::ceph::NO_KEY).hole("host", cx.host()).hole("user", &settings.user);
    Err(no_key.hole("keyrings", keyrings.join(", ")))
}

fn uuid(cx: &Context) -> String {
    names::ceph_secret(&cx.settings.ceph.user)
}

/// Made and removed by one at a time.
fn lock(host: &str) -> Option<LockName> {
    Some(LockName::Device { host: host.to_owned(), device: "ceph-secret".into() })
}

fn xml(uuid: &str, user: &str) -> String {
    format!(
        "<secret ephemeral='no' private='no'>\n  <uuid>{uuid}</uuid>\n  <description>drover</description>\n  \
         <usage type='ceph'>\n    <name>drover client.{user}</name>\n  </usage>\n</secret>\n"
    )
}

/// After a definition names it: it is removed only when none does.
pub struct Secret {
    pub host: String,
}

impl Step for Secret {
    fn name(&self) -> String {
        "secret".into()
    }

    fn lock(&self) -> Option<LockName> {
        lock(&self.host)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let kept = cx.run(secret::value(&cx.settings.libvirt_uri, &uuid(cx))).await?;
            Ok(Look::done_if(kept == Some(key(cx).await?)))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let (uri, uuid) = (&cx.settings.libvirt_uri, uuid(cx));
            cx.run(secret::define(uri, &xml(&uuid, &cx.settings.ceph.user))).await?;
            cx.run(secret::set_value(uri, &uuid, &key(cx).await?)).await
        })
    }
}

/// The secret is gone when no domain of the host names it.
pub struct LeaveSecret {
    pub host: String,
}

impl LeaveSecret {
    async fn is_idle(&self, cx: &Context) -> Result<bool, Fault> {
        let (uri, uuid) = (&cx.settings.libvirt_uri, uuid(cx));
        if !cx.run(secret::is_defined(uri, &uuid)).await? {
            return Ok(false);
        }
        for domain in cx.run(virsh::domains(uri)).await? {
            for definition in [virsh::definition(uri, &domain), virsh::live(uri, &domain)] {
                if cx.run(definition).await?.is_some_and(|xml| xml.contains(&uuid)) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

impl Step for LeaveSecret {
    fn name(&self) -> String {
        "leave secret".into()
    }

    fn lock(&self) -> Option<LockName> {
        lock(&self.host)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(!self.is_idle(cx).await?)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.run(secret::undefine(&cx.settings.libvirt_uri, &uuid(cx))).await })
    }
}
