//! The end of a domain.

use commands::virsh;
use domains::{Which, own};
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::{ResourceId, names};

/// The domain, with all that libvirt keeps of it.
pub struct Undefine {
    pub vm: ResourceId,
}

impl Step for Undefine {
    fn name(&self) -> String {
        "undefine domain".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(own(cx, self.vm, Which::Kept).await?.is_none())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.run(virsh::undefine(&cx.settings.libvirt_uri, &names::domain(self.vm))).await })
    }
}
