//! The domain's definition, and whether it starts with the host.

use crate::plan::Plan;
use crate::{change, domain};
use commands::virsh;
use domains::{Which, own, with_hostdevs};
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::image::Image;
use model::vm::Vm;
use model::{ResourceId, names};

/// Before its bridges are there: a bridge is removed only when no defined domain names it, so that a build and a scrub on
/// one segment cannot cross each other.
pub struct Define {
    pub vm: Vm,
    pub image: Image,
    pub plan: Plan,
}

impl Step for Define {
    fn name(&self) -> String {
        "define domain".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let kept = own(cx, self.vm.id, Which::Kept).await?;
            Ok(Look::done_if(kept.is_some_and(|kept| change::is_as_wished(&self.vm.spec, &kept))))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            // What others have attached stays: volumes, and devices of the host.
            let kept = own(cx, self.vm.id, Which::Kept).await?;
            let (volumes, hostdevs) = kept.map(|kept| (kept.volumes, kept.hostdevs)).unwrap_or_default();
            let xml = domain::domain(&self.vm, &self.image, &self.plan, &volumes, cx.fence);
            let xml = with_hostdevs(&xml, &hostdevs);
            cx.run(virsh::define(&cx.settings.libvirt_uri, &xml)).await
        })
    }
}

/// The domain no longer starts with its host. That it does is part of [`super::power::On`].
pub struct LeaveAutostart {
    pub vm: ResourceId,
}

impl Step for LeaveAutostart {
    fn name(&self) -> String {
        "leave autostart".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let found = cx.run(virsh::info(&cx.settings.libvirt_uri, &names::domain(self.vm))).await?;
            // An absent domain starts with no host.
            Ok(Look::done_if(!found.is_some_and(|info| info.autostart)))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(
            async move { cx.run(virsh::set_autostart(&cx.settings.libvirt_uri, &names::domain(self.vm), false)).await },
        )
    }
}
