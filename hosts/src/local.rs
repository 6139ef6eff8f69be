//! This machine.

use crate::files::{self, FileWork};
use crate::guard::{self, Fences, Wrapped};
use crate::host::{Host, HostError, Invocation, Output};
use crate::process::{self, LONGEST_ANSWER, Stdin};
use futures::future::BoxFuture;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub struct Local {
    name: String,
}

impl Local {
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    async fn answer(&self, fences: &Fences, command: &Invocation) -> Result<Output, HostError> {
        let wrapped = Wrapped::of(command, fences);
        let result = process::run(&self.name, wrapped.invocation(), Stdin::Closes).await;
        command.judge(&self.name, wrapped.read(&self.name, result)?)
    }

    /// File work under locks is a command, as only a command is checked and done in one go.
    async fn guarded(&self, fences: &Fences, work: FileWork) -> Result<(), HostError> {
        self.answer(fences, &work.command).await.map(drop).map_err(|error| work.told(error))
    }

    /// File work off the threads that serve everyone.
    async fn files<T: Send + 'static>(
        &self,
        what: String,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, HostError> {
        let result = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        result.map_err(|error| HostError::Failed {
            host: self.name.clone(),
            program: "file".into(),
            line: what,
            status: error.raw_os_error().unwrap_or(-1),
            stderr: error.to_string(),
        })
    }
}

impl Host for Local {
    fn name(&self) -> &str {
        &self.name
    }

    fn run_under<'a>(
        &'a self,
        fences: &'a Fences,
        command: &'a Invocation,
    ) -> BoxFuture<'a, Result<Output, HostError>> {
        Box::pin(self.answer(fences, command))
    }

    fn put_under<'a>(
        &'a self,
        fences: &'a Fences,
        path: &'a str,
        bytes: &'a [u8],
        mode: u32,
    ) -> BoxFuture<'a, Result<(), HostError>> {
        if !fences.is_empty() {
            return Box::pin(self.guarded(fences, files::put(path, bytes, mode)));
        }
        let (to, bytes) = (PathBuf::from(path), bytes.to_vec());
        Box::pin(self.files(format!("write {path}"), move || put(&to, &bytes, mode)))
    }

    fn get<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, HostError>> {
        let from = PathBuf::from(path);
        Box::pin(self.files(format!("read {path}"), move || get(&from)))
    }

    fn remove_under<'a>(&'a self, fences: &'a Fences, path: &'a str) -> BoxFuture<'a, Result<(), HostError>> {
        if !fences.is_empty() {
            return Box::pin(self.guarded(fences, files::remove(path)));
        }
        let gone = PathBuf::from(path);
        Box::pin(self.files(format!("remove {path}"), move || remove(&gone)))
    }

    fn prune<'a>(&'a self, folder: &'a str, untouched: Duration) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move { self.answer(&guard::NONE, &guard::prune(folder, untouched)).await.map(drop) })
    }
}

/// Under a temporary name beside it, with its mode before its content, synced, then renamed.
fn put(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // A name of its own for each: two that put the same file at once must not write into one another's.
    let mut part = tempfile::Builder::new().prefix(".put-").tempfile_in(folder)?;
    part.as_file().set_permissions(Permissions::from_mode(mode))?;
    part.write_all(bytes)?;
    part.as_file().sync_all()?;
    part.persist(path)?;
    File::open(folder)?.sync_all()
}

fn get(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if is_absent(&error) => return Ok(None),
        result => result?,
    };
    let mut bytes = Vec::new();
    file.take(LONGEST_ANSWER + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST_ANSWER {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it is longer than {LONGEST_ANSWER} bytes")));
    }
    Ok(Some(bytes))
}

fn remove(path: &Path) -> io::Result<()> {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    match if is_folder { fs::remove_dir(path) } else { fs::remove_file(path) } {
        Err(error) if is_absent(&error) => Ok(()),
        result => result,
    }
}

/// Nothing is below what is no folder.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
