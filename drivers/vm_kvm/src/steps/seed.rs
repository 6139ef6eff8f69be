//! The cloud-init seed beside the disks.

use lifecycle::{Acted, Context, Look, Looked, Step};

/// Only QEMU and root may read it: it holds user data.
const MODE: u32 = 0o600;

pub struct Seed {
    pub path: String,
    pub bytes: Vec<u8>,
}

impl Step for Seed {
    fn name(&self) -> String {
        "write seed".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(cx.get(&self.path).await?.as_deref() == Some(self.bytes.as_slice()))) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.put(&self.path, &self.bytes, MODE).await })
    }
}
