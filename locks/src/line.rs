//! One lock: who holds it, and who waits for it in which order.

use model::lock::Mode;
use model::{Fence, TaskId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A request's number within the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ticket(pub(crate) u64);

/// Whose requests share a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Who {
    pub task: TaskId,
    pub attempt: u32,
}

/// One owner, or several in shared mode.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Holder {
    pub who: Who,
    pub since: Duration,
    /// The owner's requests that hold it: one, and more after re-entry.
    pub claims: Vec<Ticket>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub ticket: Ticket,
    pub who: Who,
    pub mode: Mode,
    pub since: Duration,
}

/// What a request was granted, and how long it waited in the line.
pub(crate) struct Seated {
    pub ticket: Ticket,
    pub fence: Fence,
    pub waited: Duration,
}

/// Invariant: holders in exclusive mode are at most one; whoever holds in shared mode at the same time has the same fence,
/// so that the host lets them act side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Of the holders.
    pub mode: Mode,
    pub fence: Fence,
    pub holders: Vec<Holder>,
    pub waiting: VecDeque<Waiting>,
}

/// The owner has it in shared mode, or waits for it so: two of these would wait for each other for ever.
pub(crate) struct Upgrade;

impl Line {
    pub fn is_idle(&self) -> bool {
        self.holders.is_empty() && self.waiting.is_empty()
    }

    /// Whether the owner may ask for this mode beside what it has already.
    pub fn admits(&self, who: Who, mode: Mode) -> Result<(), Upgrade> {
        let holds_shared = self.mode == Mode::Shared && self.holders.iter().any(|holder| holder.who == who);
        let waits_shared = self.waiting.iter().any(|waiting| waiting.who == who && waiting.mode == Mode::Shared);
        if mode == Mode::Exclusive && (holds_shared || waits_shared) { Err(Upgrade) } else { Ok(()) }
    }

    /// Goes to the end of the line, or gets the fence at once if the owner holds the lock already.
    pub fn join(&mut self, ticket: Ticket, who: Who, mode: Mode, now: Duration) -> Option<Fence> {
        let covers = self.mode == Mode::Exclusive || mode == Mode::Shared;
        if let Some(holder) = self.holders.iter_mut().find(|holder| covers && holder.who == who) {
            holder.claims.push(ticket);
            return Some(self.fence);
        }
        self.waiting.push_back(Waiting { ticket, who, mode, since: now });
        None
    }

    /// Seats whoever is next, for as long as the holders leave room: nobody is passed, in whichever mode it waits, but by
    /// requests of an owner that sits already.
    pub fn seat(&mut self, last_fence: &mut Fence, now: Duration) -> Vec<Seated> {
        let fits =
            |line: &Self, mode: Mode| line.holders.is_empty() || (line.mode, mode) == (Mode::Shared, Mode::Shared);
        if !self.waiting.front().is_some_and(|head| fits(self, head.mode)) {
            return Vec::new();
        }
        let places = self.holders.iter().enumerate();
        let mut places: BTreeMap<Who, usize> = places.map(|(place, holder)| (holder.who, place)).collect();
        let (mut seated, mut kept) = (Vec::new(), VecDeque::new());
        for waiting in std::mem::take(&mut self.waiting) {
            let Waiting { ticket, who, mode, since } = waiting;
            let covers = self.mode == Mode::Exclusive || mode == Mode::Shared;
            if let Some(place) = places.get(&who).filter(|_| covers) {
                self.holders[*place].claims.push(ticket);
            } else if kept.is_empty() && fits(self, mode) {
                if self.holders.is_empty() {
                    last_fence.0 += 1;
                    self.fence = *last_fence;
                    self.mode = mode;
                }
                places.insert(who, self.holders.len());
                self.holders.push(Holder { who, since: now, claims: vec![ticket] });
            } else {
                kept.push_back(waiting);
                continue;
            }
            seated.push(Seated { ticket, fence: self.fence, waited: now.saturating_sub(since) });
        }
        self.waiting = kept;
        seated
    }

    /// Takes the request out, from the line or from its holder's claims; with the last claim of a holder, how long it held
    /// is the answer.
    pub fn quit(&mut self, ticket: Ticket, now: Duration) -> Option<Duration> {
        self.waiting.retain(|waiting| waiting.ticket != ticket);
        let place = self.holders.iter().position(|holder| holder.claims.contains(&ticket))?;
        let holder = &mut self.holders[place];
        holder.claims.retain(|claim| *claim != ticket);
        if !holder.claims.is_empty() {
            return None;
        }
        let holder = self.holders.remove(place);
        Some(now.saturating_sub(holder.since))
    }
}
