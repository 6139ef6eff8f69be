//! Files and folders on a Windows host: looked for, made, taken away; what is absent is taken away already.

use commands::hyperv::{file, vhd};
use errors::Fault;
use hosts::Runner;
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::windows;
use std::time::Duration;

pub async fn exists(cx: &impl Runner, path: &str) -> Result<bool, Fault> {
    Ok(cx.run(file::find(path)).await?.is_some())
}

/// A virtual disk's file as it is; none when it is absent.
pub async fn disk(cx: &impl Runner, path: &str) -> Result<Option<vhd::Vhd>, Fault> {
    if exists(cx, path).await? { cx.run(vhd::info(path)).await } else { Ok(None) }
}

/// What an attempt left that was lost. It is no use: what is whole has another name.
pub async fn remove_debris(cx: &impl Runner, part: &str) -> Result<(), Fault> {
    if exists(cx, part).await? { cx.run(file::remove_tree(part)).await } else { Ok(()) }
}

/// Whether a path is a disk's file, by its name alone.
pub fn is_disk(path: &str) -> bool {
    windows::is_same(path.get(path.len().saturating_sub(5)..).unwrap_or_default(), ".vhdx")
}

/// What the host says of a disk: of one that it cannot read, nothing.
pub fn readable(said: Result<Option<vhd::Vhd>, Fault>) -> Result<Option<vhd::Vhd>, Fault> {
    match said {
        Err(fault) if std::ptr::eq(fault.entry, &errors::driver::COMMAND_FAILED) => Ok(None),
        said => said,
    }
}

/// The disks in a folder that are open. With the VM off or gone, the host itself has them; it has none that it cannot read, as
/// a copy is that was cut short.
pub async fn mounted(cx: &impl Runner, folder: &str) -> Result<Vec<String>, Fault> {
    let mut mounted = Vec::new();
    let files = cx.run(file::list(folder)).await?;
    for file in files.into_iter().filter(|file| !file.is_folder && is_disk(&file.path)) {
        if readable(cx.run(vhd::info(&file.path)).await)?.is_some_and(|disk| disk.attached) {
            mounted.push(file.path);
        }
    }
    Ok(mounted)
}

pub struct Folder {
    pub path: String,
}

impl Step for Folder {
    fn name(&self) -> String {
        "make folder".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(exists(cx, &self.path).await?)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.run(file::make_folder(&self.path)).await })
    }
}

/// A file, or a folder with all that is in it; only below this folder, or the folder itself.
pub struct Remove {
    pub path: String,
    pub within: String,
}

impl Remove {
    /// A folder itself.
    pub fn folder(path: String) -> Self {
        Self { within: path.clone(), path }
    }
}

impl Step for Remove {
    fn name(&self) -> String {
        format!("remove {}", self.path.rsplit('\\').next().unwrap_or_default())
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(600)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move { Ok(Look::done_if(!exists(cx, &self.path).await?)) })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            if !windows::is_same(&self.path, &self.within) && !windows::is_below(&self.path, &self.within) {
                let outside = Fault::new(&errors::hyperv::OUTSIDE).hole("path", &self.path);
                return Err(outside.hole("folder", &self.within));
            }
            cx.run(file::remove_tree(&self.path)).await
        })
    }
}
