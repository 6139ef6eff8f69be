//! The table with the doors of those who wait for an answer: entries in, answers out. No clock, no I/O: the service runs
//! this, and so does the model that is checked.

use crate::entry::Entry;
use crate::table::{Answer, Event, Refused, Table, Ticket};
use crate::wire::Grant;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Told {
    Granted(Vec<Grant>),
    Renewed(Duration),
    Done,
    /// The request is gone, or its client waits on another connection by now.
    Ended,
    Refused(Refused),
}

impl Told {
    /// Whether it may be said only once the entries are synced. A renewal or a release that is lost with the machine's
    /// power does no harm: the service that begins again starts every lease anew.
    pub fn must_be_kept(&self) -> bool {
        matches!(self, Self::Granted(_))
    }
}

/// `A` is where an answer goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Desk<A> {
    table: Table,
    doors: BTreeMap<Ticket, A>,
}

/// What came of an entry.
#[derive(Debug)]
pub struct Outcome<A> {
    pub told: Vec<(A, Told)>,
    pub events: Vec<Event>,
}

impl<A> Desk<A> {
    pub fn new(table: Table) -> Self {
        Self { table, doors: BTreeMap::new() }
    }

    /// Applies an entry that is in the journal; `from` is who said it, if it was said here.
    pub fn apply(&mut self, entry: &Entry, from: Option<A>) -> Outcome<A> {
        let mut told = Vec::new();
        let answer = self.table.apply(entry);
        let events = self.table.events();
        if let Some(from) = from {
            match answer {
                Ok(Answer::Waits(ticket)) => {
                    told.extend(self.doors.insert(ticket, from).map(|before| (before, Told::Ended)));
                }
                Ok(Answer::Granted(ticket)) => {
                    told.extend(self.doors.remove(&ticket).map(|before| (before, Told::Ended)));
                    told.push((from, self.granted(ticket)));
                }
                Ok(Answer::Renewed(lease)) => told.push((from, Told::Renewed(lease))),
                Ok(Answer::Done) => told.push((from, Told::Done)),
                Err(refused) => told.push((from, Told::Refused(refused))),
            }
        }
        for event in &events {
            match event {
                Event::Granted { ticket } => {
                    if let Some(waits) = self.doors.remove(ticket) {
                        told.push((waits, self.granted(*ticket)));
                    }
                }
                Event::Ended { ticket } => told.extend(self.doors.remove(ticket).map(|waits| (waits, Told::Ended))),
                Event::Seated { .. } | Event::Freed { .. } | Event::Expired { .. } => {}
            }
        }
        Outcome { told, events }
    }

    /// Another table in place of this one: whoever waits is told what became of its request there.
    pub fn replace(&mut self, table: Table) -> Vec<(A, Told)> {
        self.table = table;
        let doors = std::mem::take(&mut self.doors);
        let mut told = Vec::new();
        for (ticket, waits) in doors {
            match self.table.is_waiting(ticket) {
                true => drop(self.doors.insert(ticket, waits)),
                false => told.push((waits, self.granted(ticket))),
            }
        }
        told
    }

    fn granted(&self, ticket: Ticket) -> Told {
        self.table.grants(ticket).map_or(Told::Ended, Told::Granted)
    }

    pub fn table(&self) -> &Table {
        &self.table
    }
}
