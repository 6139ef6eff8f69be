//! Taking files away; what is absent is taken away already.

use commands::files;
use lifecycle::{Acted, Context, Look, Looked, Step};

pub struct RemoveFile {
    pub path: String,
}

impl Step for RemoveFile {
    fn name(&self) -> String {
        "remove unit".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(!cx.run(files::exists(&self.path)).await?)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.remove(&self.path).await })
    }
}

/// With every file in it: configuration, leases, pid files.
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
