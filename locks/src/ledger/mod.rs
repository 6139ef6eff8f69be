//! Where the entries are kept, and whose turn it is to add to them: in memory, in a file, or in PostgreSQL.
//!
//! Flow: [`Ledger::open`] gives the table as it was left; before entries are added, [`Ledger::turn`] waits until this
//! process may, and gives what others have added meanwhile; [`Ledger::append`] adds, or says that another was first.
//!
//! Guarantees: entries stand in one order that every process sees. What [`Ledger::sync`] has returned for outlives the
//! machine's power; what was appended outlives the process.

mod file;
mod postgres;
mod watch;

use crate::entry::Entry;
use crate::pace::Pace;
use crate::table::Table;
use errors::Fault;
use errors::locks::{REGISTERS_AWAY, REGISTERS_URL};
use file::InFile;
use postgres::InPostgres;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where to keep them.
#[derive(Clone)]
pub enum Place {
    /// Gone with the process.
    Memory,
    /// In `locks.log` of a folder.
    File(PathBuf),
    /// A database that several service processes may share, by its URL.
    Postgres(String),
}

/// `memory:`, `file://FOLDER` or `postgres://...`
pub fn place(url: &str) -> Result<Place, Fault> {
    match url.split_once(':') {
        Some(("memory", "")) => Ok(Place::Memory),
        Some(("file", rest)) if rest.starts_with("///") => Ok(Place::File(Path::new(&rest[2..]).to_owned())),
        Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => Ok(Place::Postgres(url.to_owned())),
        // Without the URL itself: it may hold a password.
        Some((scheme, _)) => Err(Fault::new(&REGISTERS_URL).hole("scheme", format!("{scheme}:"))),
        None => Err(Fault::new(&REGISTERS_URL).hole("scheme", "no scheme")),
    }
}

/// What others have added.
pub(crate) enum Caught {
    Entries(Vec<Entry>),
    /// More than is kept one by one.
    Whole(Box<Table>),
}

/// Why nothing was added.
pub(crate) enum Unwritten {
    /// Another process was first: this one has lost its turn, and does not know what was added.
    Behind,
    Away(Fault),
}

/// What there is to hear while nothing is to be done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Heard {
    /// Another process has added entries.
    Added,
    /// Another process wants the turn.
    Wanted,
    /// Either, or both.
    Both,
}

pub(crate) enum Ledger {
    Memory,
    File(Box<InFile>),
    Postgres(Box<InPostgres>),
}

impl Ledger {
    pub async fn open(place: &Place, pace: &Pace) -> Result<(Self, Table), Fault> {
        match place {
            Place::Memory => Ok((Self::Memory, Table::default())),
            Place::File(folder) => {
                let (ledger, table) = InFile::open(folder)?;
                Ok((Self::File(Box::new(ledger)), table))
            }
            Place::Postgres(url) => {
                let (ledger, table) = InPostgres::open(url, pace).await?;
                Ok((Self::Postgres(Box::new(ledger)), table))
            }
        }
    }

    /// Whether no other process served when this one began.
    pub fn is_alone(&self) -> bool {
        match self {
            Self::Memory | Self::File(_) => true,
            Self::Postgres(ledger) => ledger.is_alone(),
        }
    }

    /// By how much the processes' times may differ.
    pub fn grace(&self) -> Duration {
        match self {
            Self::Memory | Self::File(_) => Duration::ZERO,
            Self::Postgres(_) => postgres::GRACE,
        }
    }

    /// Done when this process may append. Whoever is alone has the turn at once.
    pub async fn turn(&mut self) -> Result<Option<Caught>, Fault> {
        match self {
            Self::Memory | Self::File(_) => Ok(None),
            Self::Postgres(ledger) => ledger.turn().await,
        }
    }

    pub async fn append(&mut self, entries: &[Entry]) -> Result<(), Unwritten> {
        match self {
            Self::Memory => Ok(()),
            Self::File(ledger) => ledger.append(entries).map_err(Unwritten::Away),
            Self::Postgres(ledger) => ledger.append(entries).await,
        }
    }

    pub fn sync(&mut self) -> Result<(), Fault> {
        match self {
            Self::Memory | Self::Postgres(_) => Ok(()),
            Self::File(ledger) => ledger.sync(),
        }
    }

    /// Never done when there is nobody else to hear from. Dropping the future loses nothing.
    pub async fn hear(&mut self) -> Result<Heard, Fault> {
        match self {
            Self::Memory | Self::File(_) => std::future::pending().await,
            Self::Postgres(ledger) => ledger.hear().await,
        }
    }

    /// What others have added, without a turn.
    pub async fn catch_up(&mut self) -> Result<Option<Caught>, Fault> {
        match self {
            Self::Memory | Self::File(_) => Ok(None),
            Self::Postgres(ledger) => ledger.catch_up().await.map(Some),
        }
    }

    /// Gives the turn away.
    pub async fn give(&mut self) -> Result<(), Fault> {
        match self {
            Self::Memory | Self::File(_) => Ok(()),
            Self::Postgres(ledger) => ledger.give().await,
        }
    }

    /// Keeps the table in place of the entries that made it, when those have become many.
    pub async fn compact(&mut self, table: &Table) -> Result<(), Fault> {
        match self {
            Self::Memory => Ok(()),
            Self::File(ledger) => ledger.compact(table),
            Self::Postgres(ledger) => ledger.compact(table).await,
        }
    }

    /// This process serves no more.
    pub async fn close(self) {
        if let Self::Postgres(ledger) = self {
            ledger.close().await;
        }
    }
}

fn away(error: impl fmt::Display) -> Fault {
    Fault::new(&REGISTERS_AWAY).hole("reason", error)
}
