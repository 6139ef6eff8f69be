//! The world around the lock service: clients, the wire, processes that die, and what each of them knows.

use crate::guard::Guard;
use locks::desk::{Desk, Told};
use locks::entry::{Ask, Entry, Said, Want};
use locks::peterson::{Contender, Flag, Place, Slot};
use locks::table::Table;
use locks::wire::{Grant, Owner};
use model::{Fence, TaskId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

pub const LEASE: Duration = Duration::from_secs(1);

/// Where an answer goes: a client, and the connection it waits on.
pub type Door = (usize, u64);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub journal: Vec<Entry>,
    /// How much of the journal outlives the machine's power.
    pub synced: usize,
    /// Each with the process that wrote it.
    pub registers: BTreeMap<Place, (Flag, usize)>,
    pub processes: Vec<Option<Process>>,
    pub clients: Vec<Client>,
    pub wire: BTreeSet<Message>,
    pub guard: Guard,
    pub now: u64,
    pub faults: Faults,
    /// An append found its place taken.
    pub behind: bool,
}

/// How much more may go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    /// A process dies; `power` takes along what was not synced.
    pub crashes: u8,
    pub power: u8,
    /// A process is put out by the others, though it may only be slow.
    pub put_outs: u8,
    /// A lease's length passes while somebody could still have done something.
    pub ticks: u8,
    /// A message is lost.
    pub losses: u8,
    /// A connection breaks; what was under way may still arrive.
    pub cuts: u8,
    /// A client dies.
    pub deaths: u8,
    pub renewals: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Message {
    pub client: usize,
    pub process: usize,
    pub visit: u64,
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Content {
    Acquire,
    Renew,
    Release,
    /// To the client.
    Granted(Vec<(Want, Fence)>),
    Ended,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    pub contender: Contender,
    /// It may write registers; taken from it when it is put out.
    pub member: bool,
    /// Inside, it has read all that others have added.
    pub ready: bool,
    pub desk: Desk<Door>,
    pub applied: usize,
    pub calls: VecDeque<(Said, Option<Door>)>,
    /// Applied, and said once they are synced.
    pub unsaid: Vec<(Door, Told)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    pub wants: Vec<Want>,
    pub visits: u64,
    pub at: At,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum At {
    Asks,
    /// With the process and the connection it waits on.
    Waits {
        process: usize,
        visit: u64,
    },
    Holds {
        grants: Vec<(Want, Fence)>,
        acts: usize,
    },
    /// All its acts are done, or one was refused at the host.
    Over,
    Dead,
}

pub fn owner(client: usize) -> Owner {
    Owner { task: TaskId(client as i64), attempt: 1, worker: String::new(), host: String::new(), step: String::new() }
}

pub fn request() -> String {
    "r".to_owned()
}

impl Client {
    pub fn ask(&self, client: usize, visit: u64) -> Said {
        let ask = Ask {
            owner: owner(client),
            request: request(),
            wants: self.wants.clone(),
            lease: LEASE,
            grace: Duration::ZERO,
            visit,
        };
        Said::Acquire(ask)
    }

    pub fn is_over(&self) -> bool {
        matches!(self.at, At::Over | At::Dead)
    }
}

impl Process {
    /// Begins with what the journal says, and will say that it began.
    pub fn begin(slot: usize, journal: &[Entry], single: bool, alone: bool) -> Self {
        let mut table = Table::default();
        table.replay(journal);
        let mut contender = Contender::new(Slot(slot as u32));
        if single {
            // Nobody to compete with: inside at once.
            contender.run(&mut locks::registers::Memory::default());
        }
        let fence = Fence(0);
        Self {
            contender,
            member: true,
            ready: single,
            desk: Desk::new(table),
            applied: journal.len(),
            calls: VecDeque::from([(Said::Opened { fence, alone }, None)]),
            unsaid: Vec::new(),
        }
    }
}

/// What the grants say that matters to a client.
pub fn short(grants: &[Grant]) -> Vec<(Want, Fence)> {
    grants.iter().map(|grant| (Want { name: grant.name.clone(), mode: grant.mode }, grant.fence)).collect()
}
