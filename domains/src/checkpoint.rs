//! Checkpoints of a domain: each a dirty bitmap in every disk, from which the next backup can be an increment.

use crate::{Which, present};
use commands::qemu_img;
use commands::virsh::{self, State, checkpoint};
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::{ResourceId, names};

/// The checkpoint and its bitmaps; what is absent is deleted already. Others lose nothing: each records for itself.
pub async fn delete(cx: &Context, vm: ResourceId, name: &str) -> Result<(), Fault> {
    let (uri, domain) = (&cx.settings.libvirt_uri, names::domain(vm));
    if !cx.run(checkpoint::list(uri, &domain)).await?.iter().any(|kept| kept == name) {
        return Ok(());
    }
    if cx.run(virsh::state(uri, &domain)).await? == Some(State::ShutOff) {
        // Libvirt does this only for what runs.
        for disk in present(cx, vm, Which::Kept).await?.disks {
            if cx.run(qemu_img::info(&disk.path)).await?.is_some_and(|info| info.has_bitmap(name)) {
                cx.run(qemu_img::remove_bitmap(&disk.path, name)).await?;
            }
        }
        return cx.run(checkpoint::forget(uri, &domain, name)).await;
    }
    match cx.run(checkpoint::delete(uri, &domain, name)).await {
        Err(fault) if checkpoint::is_lost(&fault.text()) => cx.run(checkpoint::forget(uri, &domain, name)).await,
        result => result,
    }
}

/// None of the VM's checkpoints is left, and the next backup is a full one: QEMU ends when it is to go back to an inner
/// snapshot of a disk that has bitmaps.
pub struct NoCheckpoints {
    pub vm: ResourceId,
}

impl NoCheckpoints {
    async fn all(&self, cx: &Context) -> Result<Vec<String>, Fault> {
        cx.run(checkpoint::list(&cx.settings.libvirt_uri, &names::domain(self.vm))).await
    }
}

impl Step for NoCheckpoints {
    fn name(&self) -> String {
        "delete checkpoints".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.all(cx).await?.is_empty())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            for name in self.all(cx).await? {
                delete(cx, self.vm, &name).await?;
            }
            Ok(())
        })
    }
}
