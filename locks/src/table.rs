//! The allocation: requests in, grants and waiters out. No clock, no I/O: every call is told the time, counted from an
//! arbitrary start.
//!
//! Guarantees: a lock has one owner at a time. Several locks of a request are taken in the global order of their names.
//! Each line is first come, first served. Every grant of a lock to an owner has a higher fence than any before. A lease
//! starts when the request has all its locks; until then who waits for it keeps it alive by waiting.

pub use crate::line::Ticket;

use crate::line::{Line, Seated, Waiting, Who};
use crate::registers::Registers;
use crate::wire::{Grant, Hold, Lock, Owner, Waiter};
use model::Fence;
use model::lock::LockName;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

#[cfg(test)]
mod properties;

/// A request for all of `names`.
#[derive(Clone, Debug)]
pub struct Ask {
    pub owner: Owner,
    /// The client's name for the request.
    pub request: String,
    pub names: Vec<LockName>,
    pub lease: Duration,
}

/// The request's id was used before, for other locks.
#[derive(Debug, PartialEq, Eq)]
pub struct OtherNames;

/// Why a lock cannot be broken.
#[derive(Debug, PartialEq, Eq)]
pub enum Unbroken {
    NotHeld,
    Alive { holder: Owner, left: Duration },
}

/// What happened since the last [`Table::events`].
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Its holder did not renew.
    Expired {
        owner: Owner,
        names: Vec<LockName>,
    },
}

#[derive(Debug)]
struct Request {
    key: Key,
    owner: Owner,
    /// In the global order.
    names: Vec<LockName>,
    /// The fences of the first of `names`; it waits for the one after them.
    got: Vec<Fence>,
    lease: Duration,
    /// None until it has all its locks.
    ends: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    who: Who,
    request: String,
}

impl Key {
    fn new(owner: &Owner, request: &str) -> Self {
        Self { who: Who { task: owner.task, attempt: owner.attempt }, request: request.to_owned() }
    }
}

#[derive(Debug)]
pub struct Table<R> {
    registers: R,
    lines: HashMap<LockName, Line>,
    requests: HashMap<Ticket, Request>,
    tickets: HashMap<Key, Ticket>,
    leases: BTreeSet<(Duration, Ticket)>,
    last_ticket: u64,
    last_fence: Fence,
    held: usize,
    events: Vec<Event>,
}

impl<R: Registers> Table<R> {
    /// The first grant's fence is the one after `last_fence`.
    pub fn new(registers: R, last_fence: Fence) -> Self {
        Self {
            registers,
            lines: HashMap::new(),
            requests: HashMap::new(),
            tickets: HashMap::new(),
            leases: BTreeSet::new(),
            last_ticket: 0,
            last_fence,
            held: 0,
            events: Vec::new(),
        }
    }

    /// Takes the locks, or waits in line for the first that is not free: see [`Table::grants`]. The same request again
    /// finds its old place, or starts the lease of its grants anew.
    pub fn acquire(&mut self, ask: Ask, now: Duration) -> Result<Ticket, OtherNames> {
        let Ask { owner, request, mut names, lease } = ask;
        names.sort();
        names.dedup();
        let key = Key::new(&owner, &request);
        if let Some(&ticket) = self.tickets.get(&key)
            && let Some(known) = self.requests.get_mut(&ticket)
        {
            if known.names != names {
                return Err(OtherNames);
            }
            known.owner = owner;
            known.lease = lease;
            if known.ends.is_some() {
                self.start_lease(ticket, now);
            }
            return Ok(ticket);
        }
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.tickets.insert(key.clone(), ticket);
        self.requests.insert(ticket, Request { key, owner, names, got: Vec::new(), lease, ends: None });
        self.gather(vec![ticket], now);
        Ok(ticket)
    }

    /// What a request holds, once it holds all it asked for.
    pub fn grants(&self, ticket: Ticket) -> Option<Vec<Grant>> {
        let request = self.requests.get(&ticket)?;
        request.ends?;
        let grant = |(name, fence): (&LockName, &Fence)| Grant {
            name: name.clone(),
            fence: *fence,
            lease_secs: request.lease.as_secs(),
        };
        Some(request.names.iter().zip(&request.got).map(grant).collect())
    }

    /// The lock that a request waits for, and who holds it.
    pub fn blocked(&self, ticket: Ticket) -> Option<(&LockName, Option<&Owner>)> {
        let request = self.requests.get(&ticket)?;
        let name = request.names.get(request.got.len())?;
        let claim = self.lines.get(name)?.holder.as_ref()?.claims.first();
        Some((name, claim.and_then(|claim| Some(&self.requests.get(claim)?.owner))))
    }

    /// Starts the request's lease anew and gives its length; the answer to a lock it does not hold is that lock.
    pub fn renew(&mut self, owner: Owner, request: &str, held: &[Hold], now: Duration) -> Result<Duration, Hold> {
        let ticket = self.tickets.get(&Key::new(&owner, request)).copied();
        let known = ticket.and_then(|ticket| Some((ticket, self.requests.get_mut(&ticket)?)));
        let Some((ticket, known)) = known.filter(|(_, known)| known.ends.is_some()) else {
            return held.first().map_or(Ok(Duration::ZERO), |first| Err(first.clone()));
        };
        let holds = |hold: &&Hold| {
            let place = known.names.binary_search(&hold.name).ok();
            place.and_then(|place| known.got.get(place)) == Some(&hold.fence)
        };
        if let Some(other) = held.iter().find(|hold| !holds(hold)) {
            return Err(other.clone());
        }
        known.owner = owner;
        let lease = known.lease;
        self.start_lease(ticket, now);
        Ok(lease)
    }

    /// Gives back and stops waiting; nothing happens when the request is not known.
    pub fn release(&mut self, owner: &Owner, request: &str, now: Duration) -> Option<Ticket> {
        let ticket = *self.tickets.get(&Key::new(owner, request))?;
        self.end(ticket, now);
        Some(ticket)
    }

    /// [`Table::release`] by number.
    pub fn end(&mut self, ticket: Ticket, now: Duration) {
        let Some(request) = self.requests.remove(&ticket) else { return };
        self.tickets.remove(&request.key);
        if let Some(ends) = request.ends {
            self.leases.remove(&(ends, ticket));
        }
        let mut ready = Vec::new();
        for name in request.names.iter().take(request.got.len() + 1) {
            let Some(line) = self.lines.get_mut(name) else { continue };
            if let Some(held) = line.quit(ticket, name, &mut self.registers, now) {
                self.held -= 1;
                self.events.push(Event::Freed { name: name.clone(), held });
            }
            ready.extend(self.settle(name, now));
        }
        self.gather(ready, now);
    }

    /// Ends every lease that has run out.
    pub fn expire(&mut self, now: Duration) {
        while let Some(&(ends, ticket)) = self.leases.first()
            && ends <= now
        {
            if let Some(request) = self.requests.get(&ticket) {
                let (owner, names) = (request.owner.clone(), request.names.clone());
                self.events.push(Event::Expired { owner, names });
            }
            self.end(ticket, now);
        }
    }

    /// When [`Table::expire`] next has something to do.
    pub fn deadline(&self) -> Option<Duration> {
        self.leases.first().map(|(ends, _)| *ends)
    }

    /// Frees a lock whose holder's lease has run out.
    pub fn break_lock(&mut self, name: &LockName, now: Duration) -> Result<(), Unbroken> {
        let holder = self.lines.get(name).and_then(|line| line.holder.as_ref()).ok_or(Unbroken::NotHeld)?;
        let claims = holder.claims.clone();
        for claim in &claims {
            if let Some(request) = self.requests.get(claim)
                && let Some(left) = request.left(now)
            {
                return Err(Unbroken::Alive { holder: request.owner.clone(), left });
            }
        }
        for claim in claims {
            self.end(claim, now);
        }
        Ok(())
    }

    pub fn list(&self, now: Duration) -> Vec<Lock> {
        let mut locks: Vec<Lock> = self.lines.keys().filter_map(|name| self.show(name, now)).collect();
        locks.sort_by(|one, other| one.name.cmp(&other.name));
        locks
    }

    pub fn show(&self, name: &LockName, now: Duration) -> Option<Lock> {
        let line = self.lines.get(name)?;
        let holder = line.holder.as_ref()?;
        let claims = || holder.claims.iter().filter_map(|claim| self.requests.get(claim));
        let left = claims().filter_map(|request| request.left(now)).max().unwrap_or_default();
        let waiter = |waiting: &Waiting| {
            let owner = self.requests.get(&waiting.ticket)?.owner.clone();
            Some(Waiter { owner, waits_secs: now.saturating_sub(waiting.since).as_secs() })
        };
        Some(Lock {
            name: name.clone(),
            // The newest claim's step is where the owner is now.
            holder: claims().next_back()?.owner.clone(),
            fence: holder.fence,
            age_secs: now.saturating_sub(holder.since).as_secs(),
            lease_left_secs: whole_secs(left),
            waiters: line.waiting.iter().filter_map(waiter).collect(),
        })
    }

    /// How many locks are held.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Whether nothing is kept: no lock, no request, no lease.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.requests.is_empty() && self.tickets.is_empty() && self.leases.is_empty()
    }

    pub fn registers(&self) -> &R {
        &self.registers
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Sends requests on that have just got what they waited for, each to the next of its names.
    fn gather(&mut self, mut ready: Vec<Ticket>, now: Duration) {
        while let Some(ticket) = ready.pop() {
            let Some(request) = self.requests.get_mut(&ticket) else { continue };
            let Some(name) = request.names.get(request.got.len()).cloned() else {
                self.start_lease(ticket, now);
                self.events.push(Event::Granted { ticket });
                continue;
            };
            let line = self.lines.entry(name.clone()).or_default();
            match line.join(ticket, request.key.who, now) {
                Some(fence) => {
                    request.got.push(fence);
                    ready.push(ticket);
                }
                None => ready.extend(self.settle(&name, now)),
            }
        }
    }

    /// After any change of a line: grants the lock if it is free, forgets the line if nobody is left.
    fn settle(&mut self, name: &LockName, now: Duration) -> Vec<Ticket> {
        let Some(line) = self.lines.get_mut(name) else { return Vec::new() };
        let mut seated = Vec::new();
        if line.contend(name, &mut self.registers) {
            self.last_fence.0 += 1;
            seated = line.seat(self.last_fence, now);
            self.held += 1;
            // The next one raises its flag now, so that the hand-over is a single step.
            line.contend(name, &mut self.registers);
        }
        if line.is_idle() {
            self.lines.remove(name);
        }
        for Seated { ticket, waited } in &seated {
            if let Some(request) = self.requests.get_mut(ticket) {
                request.got.push(self.last_fence);
                self.events.push(Event::Seated { name: name.clone(), waited: *waited });
            }
        }
        seated.into_iter().map(|seated| seated.ticket).collect()
    }

    /// From now on, if the request is known.
    pub(crate) fn start_lease(&mut self, ticket: Ticket, now: Duration) {
        let Some(request) = self.requests.get_mut(&ticket) else { return };
        let ends = now + request.lease;
        if let Some(before) = request.ends.replace(ends) {
            self.leases.remove(&(before, ticket));
        }
        self.leases.insert((ends, ticket));
    }
}

impl Request {
    /// What is left of the lease, none when it has run out; all of it while the request still gathers its locks.
    fn left(&self, now: Duration) -> Option<Duration> {
        self.ends.map_or(Some(self.lease), |ends| ends.checked_sub(now).filter(|left| !left.is_zero()))
    }
}

/// Rounded up.
pub(crate) fn whole_secs(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
