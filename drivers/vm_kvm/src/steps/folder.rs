//! The VM's folder on its host.

use commands::files;
use lifecycle::{Acted, Context, Look, Looked, Step};

pub struct Folder {
    pub path: String,
}

impl Step for Folder {
    fn name(&self) -> String {
        "make folder".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(cx.run(files::exists(&self.path)).await?)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.run(files::make_folder(&self.path)).await })
    }
}
