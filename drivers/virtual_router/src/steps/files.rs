//! What the router is made from, in its folder and in its unit.

use commands::files;
use errors::Fault;
use lifecycle::{Acted, Context, Look, Looked, Step};
use sha2::{Digest, Sha256};

// It may hold a secret: never printed.
#[derive(Clone)]
pub struct File {
    pub path: String,
    pub text: String,
    pub mode: u32,
}

impl File {
    fn digest(&self) -> String {
        Sha256::digest(&self.text).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

pub struct Files {
    pub folder: String,
    pub files: Vec<File>,
}

impl Files {
    /// Those that are not there as they should be.
    async fn stale(&self, cx: &Context) -> Result<Vec<&File>, Fault> {
        let paths: Vec<_> = self.files.iter().map(|file| file.path.as_str()).collect();
        let there = cx.run(files::digests(&paths)).await?;
        Ok(self.files.iter().filter(|file| !there.contains(&(file.digest(), file.path.clone()))).collect())
    }
}

impl Step for Files {
    fn name(&self) -> String {
        "write configuration".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(self.stale(cx).await?.is_empty())) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            // dnsmasq passes through it as a user of its own.
            cx.run(files::make_folder(&self.folder)).await?;
            for file in self.stale(cx).await? {
                cx.put(&file.path, file.text.as_bytes(), file.mode).await?;
            }
            Ok(())
        })
    }
}
