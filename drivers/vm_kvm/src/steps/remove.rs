//! Taking things away; what is absent is taken away already.

use commands::{files, virsh};
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

/// One file.
pub struct RemoveFile {
    pub path: String,
}

impl Step for RemoveFile {
    fn name(&self) -> String {
        format!("remove {}", self.path.rsplit('/').next().unwrap_or_default())
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(!cx.run(files::exists(&self.path)).await?)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.remove(&self.path).await })
    }
}

/// The VM's folder with every file in it: disks, seed, log, and what an attempt left unfinished.
pub struct RemoveFolder {
    pub path: String,
}

impl Step for RemoveFolder {
    fn name(&self) -> String {
        "remove folder".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(!cx.run(files::exists(&self.path)).await?)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            for name in cx.run(files::list(&self.path)).await? {
                cx.remove(&format!("{}/{name}", self.path)).await?;
            }
            cx.remove(&self.path).await
        })
    }
}
