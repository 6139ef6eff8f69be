//! A run's own things, named after its process: so a later run knows those of one that was killed, and takes them down.

use anyhow::{Context, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const PREFIX: &str = "drover-history-";

/// `drover-history-<process>-<what>`
pub fn name(what: &str) -> String {
    format!("{PREFIX}{}-{what}", std::process::id())
}

/// Whether it was named by a run that is no more.
pub fn is_left_over(name: &str) -> bool {
    name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()).is_some_and(is_gone)
}

/// Whether a process has ended. One that waits to be buried has a folder still, and no program.
pub fn is_gone(process: &str) -> bool {
    let program = fs::read_link(Path::new("/proc").join(process).join("exe"));
    process.parse::<u32>().is_ok() && program.is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// A folder that is removed with it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(what: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(name(what));
        fs::create_dir(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn remove_left_over() -> Result<()> {
        for entry in fs::read_dir(std::env::temp_dir())? {
            let entry = entry?;
            if is_left_over(&entry.file_name().to_string_lossy()) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The next run removes what could not be removed now.
        let _ = fs::remove_dir_all(&self.0);
    }
}
