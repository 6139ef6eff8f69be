//! The allocation: requests in, grants and waiters out. No clock, no I/O: what happens is told by entries, each with its
//! time, and the same entries always make the same table.
//!
//! Guarantees: a lock has one owner at a time, or several that all asked for it in shared mode. Several locks of a request
//! are taken in the global order of their names. Each line is first come, first served, whatever the modes. Every grant of
//! a lock has a higher fence than any before; those who share it share the fence. A request lives by its lease: a holder
//! renews it, a waiter asks again. Nothing is kept for a lock that nobody wants.

pub use crate::line::Ticket;

use crate::entry::{Ask, Entry, Said, Want};
use crate::line::{Line, Seated, Who};
use crate::wire::{Grant, Hold, Holder, Lock, Owner, Waiter};
use model::Fence;
use model::lock::LockName;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod properties;

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its [`Event::Granted`] comes, or [`Event::Ended`].
    Waits(Ticket),
    Granted(Ticket),
    Renewed(Duration),
    Done,
}

/// Why an entry changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// The request's id was used before, for other locks.
    OtherNames,
    /// The owner has it in shared mode already.
    Upgrade(LockName),
    Lost(Hold),
    NotHeld(LockName),
    Alive {
        name: LockName,
        holder: Box<Owner>,
        left: Duration,
    },
}

/// What happened since the last [`Table::events`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A request got one of its locks.
    Seated {
        name: LockName,
        waited: Duration,
    },
    /// A request has all of its locks.
    Granted {
        ticket: Ticket,
    },
    Freed {
        name: LockName,
        held: Duration,
    },
    /// A request neither renewed nor asked again.
    Expired {
        owner: Owner,
        names: Vec<LockName>,
        held: bool,
    },
    /// A request is gone.
    Ended {
        ticket: Ticket,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Request {
    owner: Owner,
    request: String,
    /// In the global order.
    wants: Vec<Want>,
    /// The fences of the first of `wants`; it waits for the one after them.
    got: Vec<Fence>,
    lease: Duration,
    grace: Duration,
    ends: Duration,
    visit: u64,
}

impl Request {
    fn key(&self) -> Key {
        Key::new(&self.owner, &self.request)
    }

    fn is_granted(&self) -> bool {
        self.got.len() == self.wants.len()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    who: Who,
    request: String,
}

impl Key {
    fn new(owner: &Owner, request: &str) -> Self {
        Self { who: Who { task: owner.task, attempt: owner.attempt }, request: request.to_owned() }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Kept")]
pub struct Table {
    lines: BTreeMap<LockName, Line>,
    requests: BTreeMap<Ticket, Request>,
    last_ticket: u64,
    last_fence: Fence,
    /// Of the last entry.
    now: Duration,
    #[serde(skip)]
    tickets: BTreeMap<Key, Ticket>,
    #[serde(skip)]
    leases: BTreeSet<(Duration, Ticket)>,
    #[serde(skip)]
    events: Vec<Event>,
}

/// What a snapshot has of a table; the rest follows from it.
#[derive(Deserialize)]
struct Kept {
    lines: BTreeMap<LockName, Line>,
    requests: BTreeMap<Ticket, Request>,
    last_ticket: u64,
    last_fence: Fence,
    now: Duration,
}

impl From<Kept> for Table {
    fn from(kept: Kept) -> Self {
        let Kept { lines, requests, last_ticket, last_fence, now } = kept;
        let tickets = requests.iter().map(|(ticket, request)| (request.key(), *ticket)).collect();
        let leases = requests.iter().map(|(ticket, request)| (request.ends, *ticket)).collect();
        Self { lines, requests, last_ticket, last_fence, now, tickets, leases, events: Vec::new() }
    }
}

impl Table {
    /// Every lease that has run out by the entry's time ends before it.
    pub fn apply(&mut self, entry: &Entry) -> Result<Answer, Refused> {
        self.now = self.now.max(entry.at);
        if let Said::Opened { fence, alone } = entry.said {
            self.last_fence = self.last_fence.max(fence);
            if !alone {
                self.expire();
                return Ok(Answer::Done);
            }
            let tickets: Vec<Ticket> = self.requests.keys().copied().collect();
            tickets.into_iter().for_each(|ticket| self.start_lease(ticket));
            return Ok(Answer::Done);
        }
        let was_held = matches!(&entry.said, Said::Break { name } if self.lines.contains_key(name));
        self.expire();
        match &entry.said {
            Said::Acquire(ask) => self.acquire(ask),
            Said::Renew { owner, request, held } => self.renew(owner, request, held),
            Said::Release { owner, request } => {
                if let Some(ticket) = self.ticket(owner, request) {
                    self.end(ticket);
                }
                Ok(Answer::Done)
            }
            Said::Leave { owner, request, visit } => {
                let ticket = self.ticket(owner, request);
                if let Some(ticket) = ticket.filter(|ticket| self.requests[ticket].visit == *visit) {
                    self.end(ticket);
                }
                Ok(Answer::Done)
            }
            Said::Break { name } => self.break_lock(name, was_held),
            Said::Passed | Said::Opened { .. } => Ok(Answer::Done),
        }
    }

    /// What came of these before, again: whoever was told something then is told nothing now.
    pub fn replay<'a>(&mut self, entries: impl IntoIterator<Item = &'a Entry>) {
        for entry in entries {
            // What was refused then is refused again.
            let _ = self.apply(entry);
        }
        self.events.clear();
    }

    /// Takes the locks, or waits in line for the first that is not free. The same request again finds its old place, or
    /// its grants.
    fn acquire(&mut self, ask: &Ask) -> Result<Answer, Refused> {
        let mut wants = ask.wants.clone();
        // Of one name in both modes, the exclusive one comes first and stays.
        wants.sort();
        wants.dedup_by(|next, kept| next.name == kept.name);
        let key = Key::new(&ask.owner, &ask.request);
        if let Some(&ticket) = self.tickets.get(&key)
            && let Some(known) = self.requests.get_mut(&ticket)
        {
            if known.wants != wants {
                return Err(Refused::OtherNames);
            }
            known.owner = ask.owner.clone();
            known.lease = ask.lease;
            known.grace = ask.grace;
            known.visit = ask.visit;
            self.start_lease(ticket);
            return Ok(self.place(ticket));
        }
        let refused = wants
            .iter()
            .find(|want| self.lines.get(&want.name).is_some_and(|line| line.admits(key.who, want.mode).is_err()));
        if let Some(want) = refused {
            return Err(Refused::Upgrade(want.name.clone()));
        }
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        let request = Request {
            owner: ask.owner.clone(),
            request: ask.request.clone(),
            wants,
            got: Vec::new(),
            lease: ask.lease,
            grace: ask.grace,
            ends: Duration::ZERO,
            visit: ask.visit,
        };
        self.tickets.insert(key, ticket);
        self.requests.insert(ticket, request);
        self.start_lease(ticket);
        self.gather(BTreeSet::from([ticket]));
        Ok(self.place(ticket))
    }

    fn place(&self, ticket: Ticket) -> Answer {
        match self.requests.get(&ticket) {
            Some(request) if request.is_granted() => Answer::Granted(ticket),
            _ => Answer::Waits(ticket),
        }
    }

    /// Starts the request's lease anew; the refusal of a lock it does not hold is that lock.
    fn renew(&mut self, owner: &Owner, request: &str, held: &[Hold]) -> Result<Answer, Refused> {
        let ticket = self.ticket(owner, request);
        let known = ticket.and_then(|ticket| Some((ticket, self.requests.get_mut(&ticket)?)));
        let Some((ticket, known)) = known.filter(|(_, known)| known.is_granted()) else {
            return held.first().map_or(Ok(Answer::Done), |first| Err(Refused::Lost(first.clone())));
        };
        let holds = |hold: &&Hold| {
            let place = known.wants.binary_search_by(|want| want.name.cmp(&hold.name)).ok();
            place.and_then(|place| known.got.get(place)) == Some(&hold.fence)
        };
        if let Some(other) = held.iter().find(|hold| !holds(hold)) {
            return Err(Refused::Lost(other.clone()));
        }
        known.owner = owner.clone();
        let lease = known.lease;
        self.start_lease(ticket);
        Ok(Answer::Renewed(lease))
    }

    /// A lease that has run out has ended by now, and with it the hold: whoever is left is alive.
    fn break_lock(&self, name: &LockName, was_held: bool) -> Result<Answer, Refused> {
        let holder = self.lines.get(name).and_then(|line| line.holders.first());
        let holder = holder.and_then(|holder| self.requests.get(holder.claims.last()?));
        let Some(request) = holder else {
            return if was_held { Ok(Answer::Done) } else { Err(Refused::NotHeld(name.clone())) };
        };
        Err(Refused::Alive {
            name: name.clone(),
            holder: Box::new(request.owner.clone()),
            left: request.ends.saturating_sub(self.now),
        })
    }

    fn end(&mut self, ticket: Ticket) {
        let Some(request) = self.requests.remove(&ticket) else { return };
        self.tickets.remove(&request.key());
        self.leases.remove(&(request.ends, ticket));
        self.events.push(Event::Ended { ticket });
        let mut ready = BTreeSet::new();
        for Want { name, .. } in request.wants.iter().take(request.got.len() + 1) {
            let Some(line) = self.lines.get_mut(name) else { continue };
            if let Some(held) = line.quit(ticket, self.now) {
                self.events.push(Event::Freed { name: name.clone(), held });
            }
            ready.extend(self.settle(name));
        }
        self.gather(ready);
    }

    fn expire(&mut self) {
        while let Some(&(ends, ticket)) = self.leases.first()
            && ends <= self.now
        {
            if let Some(request) = self.requests.get(&ticket) {
                let names = request.wants.iter().map(|want| want.name.clone()).collect();
                let (owner, held) = (request.owner.clone(), request.is_granted());
                self.events.push(Event::Expired { owner, names, held });
            }
            self.end(ticket);
        }
    }

    /// Sends requests on that have just got what they waited for, each to the next of its names; who asked first goes first.
    fn gather(&mut self, mut ready: BTreeSet<Ticket>) {
        while let Some(ticket) = ready.pop_first() {
            let Some(request) = self.requests.get_mut(&ticket) else { continue };
            let Some(Want { name, mode }) = request.wants.get(request.got.len()).cloned() else {
                self.start_lease(ticket);
                self.events.push(Event::Granted { ticket });
                continue;
            };
            let who = request.key().who;
            match self.lines.entry(name.clone()).or_default().join(ticket, who, mode, self.now) {
                Some(fence) => {
                    request.got.push(fence);
                    ready.insert(ticket);
                }
                None => ready.extend(self.settle(&name)),
            }
        }
    }

    /// After any change of a line: seats whoever may sit, forgets the line if nobody is left.
    fn settle(&mut self, name: &LockName) -> Vec<Ticket> {
        let Some(line) = self.lines.get_mut(name) else { return Vec::new() };
        let seated = line.seat(&mut self.last_fence, self.now);
        if line.is_idle() {
            self.lines.remove(name);
        }
        for Seated { ticket, fence, waited } in &seated {
            if let Some(request) = self.requests.get_mut(ticket) {
                request.got.push(*fence);
                self.events.push(Event::Seated { name: name.clone(), waited: *waited });
            }
        }
        seated.into_iter().map(|seated| seated.ticket).collect()
    }

    fn start_lease(&mut self, ticket: Ticket) {
        let Some(request) = self.requests.get_mut(&ticket) else { return };
        let ends = self.now + request.lease + request.grace;
        self.leases.remove(&(request.ends, ticket));
        request.ends = ends;
        self.leases.insert((ends, ticket));
    }

    // --- looking ----------------------------------------------------------------------------------------------------

    /// A request's number; they rise in the order of asking.
    pub fn ticket(&self, owner: &Owner, request: &str) -> Option<Ticket> {
        self.tickets.get(&Key::new(owner, request)).copied()
    }

    pub fn is_waiting(&self, ticket: Ticket) -> bool {
        self.requests.get(&ticket).is_some_and(|request| !request.is_granted())
    }

    /// What a request holds, once it holds all it asked for.
    pub fn grants(&self, ticket: Ticket) -> Option<Vec<Grant>> {
        let request = self.requests.get(&ticket).filter(|request| request.is_granted())?;
        let grant = |(want, fence): (&Want, &Fence)| Grant {
            name: want.name.clone(),
            mode: want.mode,
            fence: *fence,
            lease_secs: request.lease.as_secs(),
        };
        Some(request.wants.iter().zip(&request.got).map(grant).collect())
    }

    /// The lock that a request waits for, and one who holds it.
    pub fn blocked(&self, owner: &Owner, request: &str) -> Option<(&LockName, Option<&Owner>)> {
        let request = self.requests.get(&self.ticket(owner, request)?)?;
        let name = &request.wants.get(request.got.len())?.name;
        let holder = self.lines.get(name)?.holders.first();
        let claim = holder.and_then(|holder| holder.claims.first());
        Some((name, claim.and_then(|claim| Some(&self.requests.get(claim)?.owner))))
    }

    /// When an entry next ends something by its time alone.
    pub fn deadline(&self) -> Option<Duration> {
        self.leases.first().map(|(ends, _)| *ends)
    }

    /// The time of the last entry.
    pub fn now(&self) -> Duration {
        self.now
    }

    pub fn list(&self, now: Duration) -> Vec<Lock> {
        self.lines.keys().filter_map(|name| self.show(name, now)).collect()
    }

    pub fn show(&self, name: &LockName, now: Duration) -> Option<Lock> {
        let line = self.lines.get(name)?;
        let secs = |since: Duration| now.saturating_sub(since).as_secs();
        let holders = line.holders.iter().filter_map(|holder| {
            let claims = || holder.claims.iter().filter_map(|claim| self.requests.get(claim));
            let left = claims().map(|request| request.ends.saturating_sub(now)).max().unwrap_or_default();
            // The newest claim's step is where the owner is now.
            let owner = claims().next_back()?.owner.clone();
            Some(Holder { owner, age_secs: secs(holder.since), lease_left_secs: whole_secs(left) })
        });
        let waiters = line.waiting.iter().filter_map(|waiting| {
            let owner = self.requests.get(&waiting.ticket)?.owner.clone();
            Some(Waiter { owner, mode: waiting.mode, waits_secs: secs(waiting.since) })
        });
        Some(Lock {
            name: name.clone(),
            mode: line.mode,
            fence: line.fence,
            holders: holders.collect(),
            waiters: waiters.collect(),
        })
    }

    /// How many locks are held.
    pub fn held(&self) -> usize {
        self.lines.len()
    }

    /// How many requests hold or wait.
    pub fn requests(&self) -> usize {
        self.requests.len()
    }

    /// Whether nothing is kept: no lock, no request, no lease.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.requests.is_empty() && self.tickets.is_empty() && self.leases.is_empty()
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}

/// Rounded up.
pub(crate) fn whole_secs(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
