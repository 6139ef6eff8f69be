//! Files and folders, and the coreutils and curl that work on them.

use super::state::{Answer, Refused, State, refused};
use hosts::Effect::{self, Acts, Looks};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::fakes) struct File {
    pub bytes: Vec<u8>,
    pub mode: u32,
}

#[derive(Clone, Debug)]
enum Entry {
    Folder { mode: u32 },
    File(File),
}

/// By absolute path, without the root.
#[derive(Default)]
pub(in crate::fakes) struct Files {
    entries: BTreeMap<String, Entry>,
    given: BTreeSet<String>,
}

/// Why the kernel refuses, with its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fakes) enum Wrong {
    Absent = 2,
    NoFolder = 20,
    Folder = 21,
    NotEmpty = 39,
}

impl Wrong {
    pub fn text(self) -> &'static str {
        match self {
            Self::Absent => "No such file or directory",
            Self::NoFolder => "Not a directory",
            Self::Folder => "Is a directory",
            Self::NotEmpty => "Directory not empty",
        }
    }
}

impl From<Wrong> for Refused {
    fn from(wrong: Wrong) -> Self {
        let number = wrong as i32;
        Self { status: number, stderr: format!("{} (os error {number})", wrong.text()) }
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl Files {
    fn has_folder(&self, path: &str) -> Result<(), Wrong> {
        let is_plain = path.is_empty() || path.starts_with('/') && !path.ends_with('/') && !path.contains("//");
        assert!(is_plain, "a path such as {path} is not simulated");
        match self.entries.get(path) {
            _ if path.is_empty() => Ok(()),
            Some(Entry::Folder { .. }) => Ok(()),
            Some(Entry::File(_)) => Err(Wrong::NoFolder),
            None => Err(self.has_folder(parent(path)).err().unwrap_or(Wrong::Absent)),
        }
    }

    /// A folder with those above it; one that is there keeps its mode.
    fn make_folder(&mut self, path: &str, mode: u32) -> Result<(), Wrong> {
        match self.has_folder(path) {
            Err(Wrong::Absent) => {
                self.make_folder(parent(path), 0o755)?;
                self.entries.insert(path.to_owned(), Entry::Folder { mode });
                Ok(())
            }
            result => result,
        }
    }

    pub fn make_parents(&mut self, path: &str) -> Result<(), Refused> {
        Ok(self.make_folder(parent(path), 0o755)?)
    }

    pub fn write(&mut self, path: &str, bytes: Vec<u8>, mode: u32) -> Result<(), Wrong> {
        self.has_folder(parent(path))?;
        match self.entries.get_mut(path) {
            Some(Entry::Folder { .. }) => Err(Wrong::Folder),
            // What is there keeps its mode.
            Some(Entry::File(file)) => {
                file.bytes = bytes;
                Ok(())
            }
            None => {
                self.entries.insert(path.to_owned(), Entry::File(File { bytes, mode }));
                Ok(())
            }
        }
    }

    /// In place of what is there, as by a rename.
    pub fn put(&mut self, path: &str, bytes: Vec<u8>, mode: u32) -> Result<(), Refused> {
        self.write(path, bytes, mode)?;
        if let Some(Entry::File(file)) = self.entries.get_mut(path) {
            file.mode = mode;
        }
        Ok(())
    }

    pub fn read(&self, path: &str) -> Result<&File, Wrong> {
        self.has_folder(parent(path))?;
        match self.entries.get(path) {
            Some(Entry::File(file)) => Ok(file),
            Some(Entry::Folder { .. }) => Err(Wrong::Folder),
            None => Err(Wrong::Absent),
        }
    }

    pub fn read_mut(&mut self, path: &str) -> Option<&mut File> {
        match self.entries.get_mut(path) {
            Some(Entry::File(file)) => Some(file),
            _ => None,
        }
    }

    pub fn exists(&self, path: &str) -> bool {
        path == "/" || self.entries.contains_key(path)
    }

    pub fn remove(&mut self, path: &str) -> Result<(), Refused> {
        if matches!(self.entries.get(path), Some(Entry::Folder { .. })) && self.names(path).next().is_some() {
            return Err(Wrong::NotEmpty.into());
        }
        self.entries.remove(path);
        Ok(())
    }

    /// With all that is below it.
    pub fn lose(&mut self, path: &str) {
        let below = format!("{path}/");
        self.entries.retain(|known, _| known != path && !known.starts_with(&below));
    }

    /// What is directly in a folder, in order.
    fn names<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        let inside = move |path: &'a String| path.strip_prefix(folder)?.strip_prefix('/');
        self.entries.keys().filter_map(inside).filter(|name| !name.contains('/'))
    }

    /// All that is there now is the test's own.
    pub fn consider_given(&mut self) {
        self.given = self.entries.keys().cloned().collect();
    }

    /// Files, and empty folders with a slash behind; those that were given are left out.
    pub fn left(&self) -> impl Iterator<Item = (String, Option<&File>)> {
        self.entries.iter().filter(|(path, _)| !self.given.contains(*path)).filter_map(|(path, entry)| match entry {
            Entry::File(file) => Some((path.clone(), Some(file))),
            Entry::Folder { .. } if self.names(path).next().is_none() => Some((format!("{path}/"), None)),
            Entry::Folder { .. } => None,
        })
    }

    /// Of a file or a folder.
    pub fn mode(&self, path: &str) -> Option<u32> {
        self.entries.get(path).map(|entry| match entry {
            Entry::Folder { mode } => *mode,
            Entry::File(file) => file.mode,
        })
    }
}

pub(super) fn answer(state: &mut State, argv: &[&str], stdin: &[u8]) -> Option<(Effect, Answer)> {
    match argv {
        ["curl", "--fail", "--silent", "--location", "--retry", _, "--config", "-", "--output", to] => {
            Some((Acts, curl(state, stdin, to)))
        }
        _ => coreutils(&mut state.files, argv),
    }
}

pub(in crate::fakes) fn coreutils(files: &mut Files, argv: &[&str]) -> Option<(Effect, Answer)> {
    Some(match argv {
        ["test", "-e", path] => (Looks, if files.exists(path) { Ok(String::new()) } else { refused(1, "") }),
        ["mkdir", "-p", "-m", mode, path] => (Acts, mkdir(files, u32::from_str_radix(mode, 8).ok()?, path)),
        ["ls", "-A", "-1", path] => (Looks, ls(files, path)),
        ["find", path, "-mindepth", "1", "-maxdepth", levels, "-printf", "%y %b %P\\0"] => {
            (Looks, find(files, path, levels.parse().ok()?))
        }
        ["mv", "-f", from, to] => (Acts, mv(files, from, to)),
        ["cp", "--reflink=auto", "--sparse=always", from, to] => (Acts, cp(files, from, to)),
        ["rm", "-rf", "--", path] => (Acts, rm(files, path)),
        ["cat", path] => (Looks, cat(files, path)),
        ["touch", path] => (Acts, touch(files, path)),
        ["rmdir", "--ignore-fail-on-non-empty", "--", path] => (Acts, rmdir(files, path)),
        ["sync", "--", paths @ ..] => (Acts, sync(files, paths)),
        ["stat", "-L", "-c", "%.Y", path] => (Looks, modified(files, path)),
        ["stat", "-L", "-c", "%s", path] => (Looks, stat(files, path)),
        ["date", "+%s"] => (Looks, Ok("1795270921\n".into())),
        ["sha256sum", path] => (Looks, sha256sum(files, path)),
        _ => return None,
    })
}

fn mkdir(files: &mut Files, mode: u32, path: &str) -> Answer {
    let at = |wrong: Wrong| match wrong {
        // The path's own name is taken, or that of a folder above it.
        Wrong::NoFolder if files.read(path).is_ok() => (path.to_owned(), "File exists"),
        wrong => {
            let above = std::iter::successors(Some(parent(path)), |path| Some(parent(path)));
            let taken = above.take_while(|path| !path.is_empty()).find(|path| files.read(path).is_ok());
            (taken.unwrap_or(path).to_owned(), wrong.text())
        }
    };
    if let Err(wrong @ Wrong::NoFolder) = files.has_folder(path) {
        let (path, why) = at(wrong);
        return refused(1, format!("mkdir: cannot create directory '{path}': {why}\n"));
    }
    files.make_folder(path, mode)?;
    Ok(String::new())
}

fn ls(files: &Files, path: &str) -> Answer {
    if files.read(path).is_ok() {
        return Ok(format!("{path}\n"));
    }
    match files.has_folder(path) {
        Ok(()) => Ok(files.names(path).map(|name| format!("{name}\n")).collect()),
        Err(wrong) => refused(2, format!("ls: cannot access '{path}': {}\n", wrong.text())),
    }
}

fn rm(files: &mut Files, path: &str) -> Answer {
    let inside = format!("{path}/");
    files.entries.retain(|entry, _| entry != path && !entry.starts_with(&inside));
    Ok(String::new())
}

fn cat(files: &Files, path: &str) -> Answer {
    match files.read(path) {
        Ok(file) => Ok(String::from_utf8_lossy(&file.bytes).into_owned()),
        Err(wrong) => refused(1, format!("cat: {path}: {}\n", wrong.text())),
    }
}

fn touch(files: &mut Files, path: &str) -> Answer {
    match files.read(path) {
        Err(Wrong::Absent) => match files.write(path, Vec::new(), 0o644) {
            Ok(()) => Ok(String::new()),
            Err(wrong) => refused(1, format!("touch: cannot touch '{path}': {}\n", wrong.text())),
        },
        _ => Ok(String::new()),
    }
}

fn stat(files: &Files, path: &str) -> Answer {
    match files.read(path) {
        Ok(file) => Ok(format!("{}\n", file.bytes.len())),
        Err(wrong) => refused(1, format!("stat: cannot statx '{path}': {}\n", wrong.text())),
    }
}

/// Nothing here has a time: another content stands for another moment.
fn modified(files: &Files, path: &str) -> Answer {
    match files.read(path) {
        Ok(file) => Ok(format!("{}\n", sha256(&file.bytes))),
        Err(wrong) => refused(1, format!("stat: cannot statx '{path}': {}\n", wrong.text())),
    }
}

fn rmdir(files: &mut Files, path: &str) -> Answer {
    if let Err(wrong) = files.has_folder(path) {
        return refused(1, format!("rmdir: failed to remove '{path}': {}\n", wrong.text()));
    }
    // What is in it stays with it.
    let _ = files.remove(path);
    Ok(String::new())
}

fn sync(files: &Files, paths: &[&str]) -> Answer {
    match paths.iter().find(|path| !files.exists(path)) {
        None => Ok(String::new()),
        Some(path) => refused(1, format!("sync: error opening '{path}': {}\n", Wrong::Absent.text())),
    }
}

/// A folder under another name, with all that is in it.
fn mv_folder(files: &mut Files, from: &str, to: &str) -> Answer {
    let inside = format!("{from}/");
    let moved = |path: &str| match path.strip_prefix(&inside) {
        Some(rest) => format!("{to}/{rest}"),
        None if path == from => to.to_owned(),
        None => path.to_owned(),
    };
    files.entries = std::mem::take(&mut files.entries).into_iter().map(|(path, entry)| (moved(&path), entry)).collect();
    Ok(String::new())
}

/// Blocks of 512 bytes, as many as the content needs.
fn find(files: &Files, path: &str, levels: usize) -> Answer {
    if let Err(wrong) = files.has_folder(path) {
        return refused(1, format!("find: '{path}': {}\n", wrong.text()));
    }
    let inside = format!("{path}/");
    let row = |(entry, kind): (&String, &Entry)| {
        let below = entry.strip_prefix(&inside)?;
        let (word, blocks) = match kind {
            Entry::Folder { .. } => ('d', 8),
            Entry::File(file) => ('f', file.bytes.len().div_ceil(512)),
        };
        (below.split('/').count() <= levels).then(|| format!("{word} {blocks} {below}\0"))
    };
    Ok(files.entries.iter().filter_map(row).collect())
}

fn mv(files: &mut Files, from: &str, to: &str) -> Answer {
    assert!(files.has_folder(to).is_err(), "moving into a folder is not simulated: {to}");
    let file = match files.read(from) {
        Ok(file) => file.clone(),
        Err(Wrong::Folder) => return mv_folder(files, from, to),
        Err(wrong) => return refused(1, format!("mv: cannot stat '{from}': {}\n", wrong.text())),
    };
    if let Err(wrong) = files.has_folder(parent(to)) {
        return refused(1, format!("mv: cannot move '{from}' to '{to}': {}\n", wrong.text()));
    }
    files.entries.remove(from);
    files.entries.insert(to.to_owned(), Entry::File(file));
    Ok(String::new())
}

fn cp(files: &mut Files, from: &str, to: &str) -> Answer {
    let file = match files.read(from) {
        Ok(file) => file.clone(),
        Err(Wrong::Folder) => return refused(1, format!("cp: -r not specified; omitting directory '{from}'\n")),
        Err(wrong) => return refused(1, format!("cp: cannot stat '{from}': {}\n", wrong.text())),
    };
    assert!(files.has_folder(to).is_err(), "copying into a folder is not simulated: {to}");
    match files.write(to, file.bytes, file.mode) {
        Ok(()) => Ok(String::new()),
        Err(wrong) => refused(1, format!("cp: cannot create regular file '{to}': {}\n", wrong.text())),
    }
}

/// A checksum as images carry it: 64 hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(in crate::fakes) fn sha256sum(files: &Files, path: &str) -> Answer {
    match files.read(path) {
        Ok(file) => Ok(format!("{}  {path}\n", sha256(&file.bytes))),
        Err(wrong) => refused(1, format!("sha256sum: {path}: {}\n", wrong.text())),
    }
}

/// With `--silent` it says nothing of what went wrong.
fn curl(state: &mut State, stdin: &[u8], to: &str) -> Answer {
    let config = String::from_utf8_lossy(stdin).into_owned();
    let url = config.strip_prefix("url = \"").and_then(|rest| rest.strip_suffix("\"\n"));
    let url = url.unwrap_or_else(|| panic!("this configuration of curl is not simulated"));
    let url = url.replace("\\\"", "\"").replace("\\\\", "\\");
    match state.served.get(&url) {
        None => refused(22, ""),
        Some(bytes) => match state.files.write(to, bytes.clone(), 0o644) {
            Ok(()) => Ok(String::new()),
            Err(_) => refused(23, ""),
        },
    }
}
