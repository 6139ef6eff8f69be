//! The embedded queue's log: a record a line, each with a checksum, synced before it is confirmed. Many records that arrive
//! together share one sync.

use errors::Fault;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tracing::warn;

/// What happened to a message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Record {
    Published {
        seq: u64,
        host: String,
        body: Vec<u8>,
        traceparent: Option<String>,
    },
    Acked {
        seq: u64,
    },
    Buried {
        seq: u64,
        reason: String,
    },
    /// A dead letter went back onto its queue.
    Redriven {
        seq: u64,
    },
}

pub struct Log {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Log {
    /// Opens the log and reads it. A damaged tail is set aside, and what stood before it is kept.
    pub fn open(folder: &Path) -> std::io::Result<(Self, Vec<Record>)> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join("queue.log");
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
        let (records, good) = read(&file)?;
        let length = file.metadata()?.len();
        if good < length {
            set_aside(&path, &mut file, good)?;
            file.set_len(good)?;
            file.sync_all()?;
        }
        Ok((Self { path, file, length: good }, records))
    }

    /// Appends records and syncs them.
    pub fn append<'a>(&mut self, records: impl Iterator<Item = &'a Record>) -> std::io::Result<()> {
        let mut page = Vec::new();
        for record in records {
            line(record, &mut page)?;
        }
        self.file.write_all(&page)?;
        self.file.sync_data()?;
        self.length += page.len() as u64;
        Ok(())
    }

    pub fn length(&self) -> u64 {
        self.length
    }

    /// Writes the log anew with only these records, and puts it in the old one's place.
    pub fn rewrite(&mut self, records: &[Record]) -> std::io::Result<()> {
        let fresh = self.path.with_extension("new");
        let mut page = Vec::new();
        for record in records {
            line(record, &mut page)?;
        }
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

fn line(record: &Record, page: &mut Vec<u8>) -> std::io::Result<()> {
    let json = serde_json::to_vec(record)?;
    write!(page, "{:016x} ", checksum(&json))?;
    page.extend_from_slice(&json);
    page.push(b'\n');
    Ok(())
}

/// The records, and how far the log is good.
fn read(file: &File) -> std::io::Result<(Vec<Record>, u64)> {
    let mut reader = BufReader::new(file);
    let (mut records, mut good) = (Vec::new(), 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        match parse(&line) {
            Some(record) => records.push(record),
            None => return Ok((records, good)),
        }
        good += length as u64;
    }
}

fn parse(line: &[u8]) -> Option<Record> {
    let line = line.strip_suffix(b"\n")?;
    let (sum, json) = (line.get(..16)?, line.get(17..)?);
    let sum = u64::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    (sum == checksum(json)).then(|| serde_json::from_slice(json).ok())?
}

/// FNV-1a: tells a torn write, which is all that it is for.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn set_aside(path: &Path, file: &mut File, good: u64) -> std::io::Result<()> {
    let fault = Fault::new(&errors::queue::EMBEDDED_DAMAGED)
        .hole("path", path.display())
        .hole("at", good)
        .hole("reason", "a record is torn or its checksum is wrong");
    warn!(code = fault.entry.code, "{}", fault.text());
    file.seek(SeekFrom::Start(good))?;
    let mut aside = File::create(path.with_extension("damaged"))?;
    std::io::copy(file, &mut aside)?;
    aside.sync_all()
}
