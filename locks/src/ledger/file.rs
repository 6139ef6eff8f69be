//! Entries in a file: appended, synced before a grant is answered, and from time to time replaced by the table they make.

use super::away;
use crate::entry::Entry;
use crate::table::Table;
use errors::Fault;
use errors::locks::REGISTERS_DAMAGED;
use journal::{Journal, Opened};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tracing::{info, warn};

/// A journal shorter than this is left as it is; a longer one is replaced once it is eight times its table.
const COMPACT_BYTES: u64 = 16 << 20;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record {
    /// What all entries before it came to.
    Table(Box<Table>),
    Entries(Vec<Entry>),
}

pub(crate) struct InFile {
    journal: Journal<Record>,
    /// How long it was when it had only a table.
    shortest: u64,
}

impl InFile {
    pub fn open(folder: &Path) -> Result<(Self, Table), Fault> {
        let path = folder.join("locks.log");
        let opened = Journal::open(&path);
        let Opened { journal, records, damaged_at } =
            opened.map_err(|error| away(format!("{}: {error}", path.display())))?;
        if let Some(at) = damaged_at {
            let fault = Fault::new(&REGISTERS_DAMAGED).hole("path", path.display()).hole("at", at);
            warn!(code = fault.entry.code, "{}", fault.text());
        }
        let mut table = Table::default();
        for record in records {
            match record {
                Record::Table(kept) => table = *kept,
                Record::Entries(entries) => table.replay(&entries),
            }
        }
        info!(path = %path.display(), locks = table.held(), requests = table.requests(), "the locks are as they were left");
        Ok((Self { journal, shortest: 0 }, table))
    }

    pub fn append(&mut self, entries: &[Entry]) -> Result<(), Fault> {
        self.journal.append([&Record::Entries(entries.to_vec())]).map_err(away)
    }

    pub fn sync(&mut self) -> Result<(), Fault> {
        self.journal.sync().map_err(away)
    }

    pub fn compact(&mut self, table: &Table) -> Result<(), Fault> {
        if self.journal.length() < COMPACT_BYTES.max(8 * self.shortest) {
            return Ok(());
        }
        self.journal.rewrite([&Record::Table(Box::new(table.clone()))]).map_err(away)?;
        self.shortest = self.journal.length();
        Ok(())
    }
}
