//! An append-only log of records in one file: a record a line, each with a checksum. The embedded queue and the lock
//! service keep their state in one.
//!
//! Guarantees: what was appended and synced is read again by the next [`Journal::open`], in order. A tail that a crash has
//! torn is set aside in a file beside it, and what stood before it is kept. One process at a time has a journal open.
//! [`Journal::rewrite`] takes effect whole or not at all.
//!
//! Assumptions: after a failed sync nothing is known about the file; its owner stops and opens it anew.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, ErrorKind, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long another's closing may take.
const CLOSING: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Journal<R> {
    path: PathBuf,
    file: File,
    length: u64,
    /// Locked for as long as the journal is open; the journal itself is replaced by each rewrite.
    _guard: File,
    records: PhantomData<fn(R)>,
}

/// What was found in a journal.
#[derive(Debug)]
pub struct Opened<R> {
    pub journal: Journal<R>,
    pub records: Vec<R>,
    /// Where its torn tail began, which is now in a file of the same name that ends in `.damaged`.
    pub damaged_at: Option<u64>,
}

impl<R: Serialize + DeserializeOwned> Journal<R> {
    /// Opens the file, or makes it with its folder.
    ///
    /// Errors: [`ErrorKind::ResourceBusy`] when another process has it open; [`ErrorKind::InvalidData`] when a record is whole
    /// and yet none that this version knows: nothing is cut off then.
    pub fn open(path: &Path) -> io::Result<Opened<R>> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let guard = OpenOptions::new().create(true).truncate(false).write(true).open(path.with_extension("guard"))?;
        lock(&guard)?;
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let (records, good) = read(&file)?;
        let damaged_at = (good < file.metadata()?.len()).then_some(good);
        if damaged_at.is_some() {
            set_aside(path, &mut file, good)?;
            file.set_len(good)?;
        }
        // The records may have been read from memory that the disk has not seen.
        file.sync_all()?;
        File::open(folder)?.sync_all()?;
        let journal = Self { path: path.to_owned(), file, length: good, _guard: guard, records: PhantomData };
        Ok(Opened { journal, records, damaged_at })
    }

    /// Appends records. They outlive this process, and after [`Journal::sync`] the machine's power too.
    pub fn append<'a>(&mut self, records: impl IntoIterator<Item = &'a R>) -> io::Result<()>
    where
        R: 'a,
    {
        let page = page(records)?;
        self.file.write_all(&page)?;
        self.length += page.len() as u64;
        Ok(())
    }

    pub fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// In bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Writes the journal anew with only these records, synced, in the old one's place.
    pub fn rewrite<'a>(&mut self, records: impl IntoIterator<Item = &'a R>) -> io::Result<()>
    where
        R: 'a,
    {
        let fresh = self.path.with_extension("new");
        let page = page(records)?;
        let mut file = File::create(&fresh)?;
        file.write_all(&page)?;
        file.sync_all()?;
        std::fs::rename(&fresh, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.length = page.len() as u64;
        Ok(())
    }
}

/// One that is just being closed is waited for.
fn lock(guard: &File) -> io::Result<()> {
    let ends = Instant::now() + CLOSING;
    loop {
        match guard.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() >= ends => {
                return Err(io::Error::new(ErrorKind::ResourceBusy, "another process has it open"));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(CLOSING / 50),
        }
    }
}

fn page<'a, R: Serialize + 'a>(records: impl IntoIterator<Item = &'a R>) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    for record in records {
        let json = serde_json::to_vec(record)?;
        write!(page, "{:016x} ", checksum(&json))?;
        page.extend_from_slice(&json);
        page.push(b'\n');
    }
    Ok(page)
}

/// The records, and how far the file is good.
fn read<R: DeserializeOwned>(file: &File) -> io::Result<(Vec<R>, u64)> {
    let mut reader = BufReader::new(file);
    let (mut records, mut good) = (Vec::new(), 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        let Some(json) = whole(&line) else { return Ok((records, good)) };
        records.push(serde_json::from_slice(json).map_err(|error| {
            io::Error::new(ErrorKind::InvalidData, format!("the record at byte {good} is of another version: {error}"))
        })?);
        good += length as u64;
    }
}

/// What a line holds, if it is as it was written.
fn whole(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\n")?;
    let (sum, json) = (line.get(..16)?, line.get(17..)?);
    let sum = u64::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    (sum == checksum(json)).then_some(json)
}

/// FNV-1a: tells a torn write, which is all that it is for.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn set_aside(path: &Path, file: &mut File, good: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(good))?;
    // After what an earlier crash has left there.
    let mut aside = OpenOptions::new().create(true).append(true).open(path.with_extension("damaged"))?;
    io::copy(file, &mut aside)?;
    aside.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Opened<u32> {
        Journal::open(path).expect("it opens")
    }

    #[test]
    fn what_was_appended_is_read_again_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("below/numbers.log");
        let mut opened = open(&path);
        opened.journal.append(&[1, 2]).expect("room");
        opened.journal.append(&[3]).expect("room");
        opened.journal.sync().expect("a disk");
        drop(opened);
        let mut opened = open(&path);
        assert_eq!((opened.records, opened.damaged_at), (vec![1, 2, 3], None));
        opened.journal.rewrite(&[9]).expect("room");
        opened.journal.append(&[10]).expect("room");
        assert_eq!(opened.journal.length(), std::fs::metadata(&path).expect("it is there").len());
        drop(opened.journal);
        assert_eq!(open(&path).records, [9, 10]);
    }

    #[test]
    fn a_torn_tail_is_set_aside_wherever_it_was_torn() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("numbers.log");
        open(&path).journal.append(&[1, 2, 3]).expect("room");
        let whole = std::fs::read(&path).expect("it is there");
        for kept in 0..whole.len() {
            std::fs::write(&path, &whole[..kept]).expect("room");
            let opened = open(&path);
            let lines = whole[..kept].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(opened.records, [1, 2, 3][..lines], "{kept} bytes");
            let whole_lines = kept % (whole.len() / 3) == 0;
            assert_eq!(opened.damaged_at.is_none(), whole_lines, "{kept} bytes");
        }
    }

    #[test]
    fn a_record_that_was_changed_ends_the_journal() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("numbers.log");
        open(&path).journal.append(&[1, 2, 3]).expect("room");
        let text = std::fs::read_to_string(&path).expect("it is there").replace(" 2", " 7");
        std::fs::write(&path, text).expect("room");
        assert_eq!(open(&path).records, [1]);
    }

    #[test]
    fn a_record_of_another_version_is_refused_and_nothing_is_cut_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("words.log");
        Journal::open(&path).expect("it opens").journal.append(&["one".to_owned()]).expect("room");
        let before = std::fs::read(&path).expect("it is there");
        assert_eq!(Journal::<u32>::open(&path).expect_err("a word is no number").kind(), ErrorKind::InvalidData);
        assert_eq!(std::fs::read(&path).expect("it is there"), before);
    }

    #[test]
    fn one_at_a_time_has_it_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("numbers.log");
        let opened = open(&path);
        let busy = Journal::<u32>::open(&path).expect_err("it is open");
        assert_eq!(busy.kind(), ErrorKind::ResourceBusy);
        drop(opened);
        open(&path);
    }
}
