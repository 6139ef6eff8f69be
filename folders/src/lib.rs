//! Steps that take away files and folders of a resource on its host; what is absent is taken away already.

use commands::files;
use lifecycle::{Acted, Context, Look, Looked, Step};

async fn is_gone(cx: &Context, path: &str) -> Result<Look, errors::Fault> {
    Ok(Look::done_if(!cx.run(files::exists(path)).await?))
}

pub struct RemoveFile {
    /// What it is to the resource.
    pub what: String,
    pub path: String,
}

impl Step for RemoveFile {
    fn name(&self) -> String {
        format!("remove {}", self.what)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(is_gone(cx, &self.path))
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(cx.remove(&self.path))
    }
}

/// With every file in it, and what an attempt left unfinished; it holds no other folder.
pub struct RemoveFolder {
    pub path: String,
}

impl Step for RemoveFolder {
    fn name(&self) -> String {
        "remove folder".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(is_gone(cx, &self.path))
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
