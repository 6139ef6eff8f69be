//! What a host does with commands: it keeps the highest fence that touched each lock's hardware, and refuses a smaller one.
//! What it was sent is written down in the order in which it took it.

use crate::record::{Line, Section};
use anyhow::{Context, Result};
use model::Fence;
use model::lock::LockName;
use rustix::time::{ClockId, clock_gettime};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const HISTORY: &str = "history";
const FENCE: &str = "fence";

/// The monotonic clock, which all processes of a machine share.
pub fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
}

/// A folder that stands for the host, shared by all clients.
pub struct Host {
    folder: PathBuf,
    /// Without it every command is admitted.
    guarded: bool,
}

impl Host {
    pub fn new(folder: PathBuf, guarded: bool) -> Self {
        Self { folder, guarded }
    }

    fn file(&self, lock: &LockName, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", lock.to_string().replace('/', ".")))
    }

    /// Appended whole, whoever else appends.
    fn append(&self, lock: &LockName, line: &Line) -> Result<()> {
        let mut history = OpenOptions::new().create(true).append(true).open(self.file(lock, HISTORY))?;
        Ok(history.write_all(format!("{line}\n").as_bytes())?)
    }

    pub fn granted(&self, lock: &LockName, section: Section, asked: Duration) -> Result<()> {
        self.append(lock, &Line::Granted { section, asked, granted: now() })
    }

    /// Whether the host carried the command out. Waits while another command of the same lock is under way.
    pub fn command(&self, lock: &LockName, section: Section, index: u32) -> Result<bool> {
        let file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(self.file(lock, FENCE))?;
        file.lock()?;
        let highest = highest(&file)?;
        let admitted = !self.guarded || highest.is_none_or(|highest| highest <= section.fence);
        if highest.is_none_or(|highest| highest < section.fence) {
            file.write_all_at(&section.fence.0.to_be_bytes(), 0)?;
        }
        self.append(lock, &Line::Command { section, index, at: now(), admitted })?;
        file.unlock()?;
        Ok(admitted)
    }
}

fn highest(mut file: &File) -> Result<Option<Fence>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let bytes = bytes.try_into().ok().context("a fence has eight bytes")?;
    Ok(Some(Fence(i64::from_be_bytes(bytes))))
}

/// The histories that a host's folder holds, by lock.
pub fn histories(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == HISTORY) {
            let lock = path.file_stem().unwrap_or_default().to_string_lossy().replace('.', "/");
            found.push((lock, path));
        }
    }
    found.sort();
    Ok(found)
}

pub fn history(path: &Path) -> Result<Vec<Line>> {
    let file = BufReader::new(File::open(path)?);
    file.lines().map(|line| line?.parse()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::{Fault, check};
    use crate::folder::Folder;
    use crate::record::Owner;

    fn section(fence: i64) -> Section {
        Section { fence: Fence(fence), owner: Owner { client: 1, operation: u64::try_from(fence).unwrap() }, number: 0 }
    }

    fn sent(name: &str, guarded: bool) -> (Vec<bool>, Vec<Line>) {
        let folder = Folder::new(name).unwrap();
        let host = Host::new(folder.path().to_owned(), guarded);
        let lock: LockName = "device/host/disk".parse().unwrap();
        host.granted(&lock, section(1), now()).unwrap();
        let admitted = [1, 2, 1, 2].map(|fence| host.command(&lock, section(fence), 0).unwrap());
        let found = histories(folder.path()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, lock.to_string());
        (admitted.into(), history(&found[0].1).unwrap())
    }

    #[test]
    fn a_fence_below_the_highest_is_refused_and_written_down() {
        let (admitted, lines) = sent("guarded", true);
        assert_eq!(admitted, [true, true, false, true]);
        assert_eq!(lines.len(), 5);
        assert_eq!(check(&lines), []);
    }

    #[test]
    fn without_the_guard_it_goes_through_and_is_found() {
        let (admitted, lines) = sent("unguarded", false);
        assert_eq!(admitted, [true; 4]);
        assert!(check(&lines).iter().any(|violation| violation.fault == Fault::Overlap));
    }
}
