//! The lock service: the table behind a mutex, who waits for an answer, and the end of leases.

use crate::access::{Access, Gate};
use crate::clock::Clock;
use crate::registers::Memory;
use crate::table::{Ask, Event, Table, Ticket, Unbroken, whole_secs};
use crate::wire::{Acquired, Hold, Lock, Owner};
use errors::Fault;
use errors::locks::{BAD_REQUEST, HOLDER_ALIVE, LOCK_TIMEOUT, LOCK_UNKNOWN, NOT_HELD};
use metrics::{gauge, histogram};
use model::Fence;
use model::lock::LockName;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// The service's state; clones share it.
#[derive(Clone)]
pub struct Locks(Arc<Inner>);

struct Inner {
    desk: Mutex<Desk>,
    clock: Clock,
    /// A lease ends earlier than the expiry thought.
    sooner: Notify,
    gate: Gate,
}

struct Desk {
    table: Table<Memory>,
    /// The open connections of requests that wait.
    doors: HashMap<Ticket, Door>,
    visits: u64,
}

struct Door {
    /// Tells a request's newest connection from those before it.
    visit: u64,
    wake: Option<oneshot::Sender<()>>,
}

/// The lock service with registers in memory, on the machine's monotonic clock.
///
/// Fences start from the wall clock, in microseconds since 1970: so they rise over restarts, unless the clock was set
/// back in between by more than the service was up, or more than a million locks a second were granted all that time.
pub fn service(access: &Access) -> Locks {
    Locks::new(access, Clock::default(), fence_of_now())
}

fn fence_of_now() -> Fence {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Fence(i64::try_from(now.as_micros()).unwrap_or(i64::MAX / 2))
}

impl Locks {
    /// `last_fence` is below every fence that will be granted.
    pub fn new(access: &Access, clock: Clock, last_fence: Fence) -> Self {
        let table = Table::new(Memory::default(), last_fence);
        let desk = Mutex::new(Desk { table, doors: HashMap::new(), visits: 0 });
        Self(Arc::new(Inner { desk, clock, sooner: Notify::new(), gate: Gate::new(access) }))
    }

    /// Ends leases as they run out, until cancelled. Without it a dead holder's lock is freed only when somebody asks
    /// for any lock.
    pub async fn run_expiry(&self, cancel: CancellationToken) {
        loop {
            let next = self.change(|desk, _| desk.table.deadline());
            let lease_ends = async {
                match next {
                    Some(moment) => self.0.clock.wait_until(moment).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = cancel.cancelled() => return,
                () = self.0.sooner.notified() => {}
                () = lease_ends => {}
            }
        }
    }

    /// Whether nothing is kept: nobody holds, nobody waits, no register is raised.
    pub fn is_idle(&self) -> bool {
        self.change(|desk, _| desk.table.is_empty() && desk.table.registers().locks() == 0 && desk.doors.is_empty())
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    /// Waits for the locks; dropped while it waits, it leaves the line.
    pub(crate) async fn acquire(&self, ask: Ask, wait: Duration) -> Result<Acquired, Fault> {
        let arrived = self.0.clock.now();
        let (visit, woken) = self.enter(ask)?;
        if let Some(woken) = woken {
            tokio::select! {
                biased;
                _ = woken => {}
                () = self.0.clock.wait_until(arrived + wait) => {}
            }
        }
        let ticket = visit.ticket;
        let outcome = self.change(|desk, now| match desk.table.grants(ticket) {
            Some(grants) => {
                // The wait ends a moment after the grant: the lease starts anew with the answer.
                desk.table.start_lease(ticket, now);
                desk.doors.remove(&ticket);
                let waited = now.saturating_sub(arrived).as_millis();
                Ok(Acquired { grants, waited_ms: u64::try_from(waited).unwrap_or(u64::MAX) })
            }
            None => Err(timeout(&desk.table, ticket, wait)),
        });
        drop(visit);
        outcome
    }

    /// Puts the request into the table. With the answer pending it leaves a door open to be woken through.
    fn enter(&self, ask: Ask) -> Result<(Visit, Option<oneshot::Receiver<()>>), Fault> {
        self.change(|desk, now| {
            let ticket = desk.table.acquire(ask, now).map_err(|_| {
                Fault::new(&BAD_REQUEST).hole("reason", "the request's id was used before for other locks")
            })?;
            desk.visits += 1;
            let visit = Visit { locks: self.clone(), ticket, number: desk.visits };
            if desk.table.grants(ticket).is_some() {
                // An earlier connection of the same request must not take the grant with it when it closes.
                desk.doors.remove(&ticket);
                return Ok((visit, None));
            }
            let (wake, woken) = oneshot::channel();
            desk.doors.insert(ticket, Door { visit: visit.number, wake: Some(wake) });
            Ok((visit, Some(woken)))
        })
    }

    pub(crate) fn renew(&self, owner: Owner, request: &str, held: &[Hold]) -> Result<Duration, Fault> {
        self.change(|desk, now| desk.table.renew(owner, request, held, now))
            .map_err(|lost| Fault::new(&NOT_HELD).hole("lock", lost.name).hole("fence", lost.fence))
    }

    pub(crate) fn release(&self, owner: &Owner, request: &str) {
        self.change(|desk, now| {
            if let Some(ticket) = desk.table.release(owner, request, now) {
                desk.doors.remove(&ticket);
            }
        });
    }

    pub(crate) fn list(&self) -> Vec<Lock> {
        self.change(|desk, now| desk.table.list(now))
    }

    pub(crate) fn show(&self, name: &LockName) -> Result<Lock, Fault> {
        self.change(|desk, now| desk.table.show(name, now)).ok_or_else(|| unknown(name))
    }

    pub(crate) fn break_lock(&self, name: &LockName) -> Result<(), Fault> {
        self.change(|desk, now| desk.table.break_lock(name, now)).map_err(|refused| match refused {
            Unbroken::NotHeld => unknown(name),
            Unbroken::Alive { holder, left } => {
                Fault::new(&HOLDER_ALIVE).hole("lock", name).hole("holder", holder).hole("left_secs", whole_secs(left))
            }
        })
    }

    /// Every use of the table goes through here: leases that have run out end first, and what happened is told after.
    fn change<T>(&self, act: impl FnOnce(&mut Desk, Duration) -> T) -> T {
        let now = self.0.clock.now();
        let mut desk = self.0.desk.lock().unwrap_or_else(PoisonError::into_inner);
        let before = desk.table.deadline();
        desk.table.expire(now);
        let result = act(&mut desk, now);
        let events = desk.table.events();
        for event in &events {
            if let Event::Granted { ticket } = event
                && let Some(wake) = desk.doors.get_mut(ticket).and_then(|door| door.wake.take())
            {
                // Nobody listens any more when the connection has just closed; its visit ends the request.
                let _closed = wake.send(());
            }
        }
        let after = desk.table.deadline();
        let held = desk.table.held();
        drop(desk);
        if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
            self.0.sooner.notify_one();
        }
        if !events.is_empty() {
            gauge!("drover_locks_held").set(held as f64);
            events.into_iter().for_each(tell);
        }
        result
    }
}

fn tell(event: Event) {
    match event {
        Event::Seated { name, waited } => {
            debug!(lock = %name, waited_ms = waited.as_millis(), "lock granted");
            histogram!("drover_lock_wait_seconds", "level" => level(&name)).record(waited);
        }
        Event::Freed { name, held } => {
            debug!(lock = %name, held_ms = held.as_millis(), "lock freed");
            histogram!("drover_lock_held_seconds", "level" => level(&name)).record(held);
        }
        Event::Expired { owner, names } => {
            let locks: Vec<String> = names.iter().map(ToString::to_string).collect();
            warn!(%owner, locks = locks.join(" "), "a lease ran out: its locks are freed");
        }
        Event::Granted { .. } => {}
    }
}

fn level(name: &LockName) -> &'static str {
    match name {
        LockName::Region { .. } => "region",
        LockName::Host { .. } => "host",
        LockName::Network { .. } => "network",
        LockName::Pool { .. } => "pool",
        LockName::Device { .. } => "device",
        LockName::Resource { .. } => "resource",
    }
}

fn unknown(name: &LockName) -> Fault {
    Fault::new(&LOCK_UNKNOWN).hole("lock", name)
}

fn timeout(table: &Table<Memory>, ticket: Ticket, wait: Duration) -> Fault {
    let (lock, holder) = match table.blocked(ticket) {
        Some((lock, holder)) => (lock.to_string(), holder.map(ToString::to_string)),
        // Released by its owner while it waited.
        None => ("asked for".to_owned(), None),
    };
    Fault::new(&LOCK_TIMEOUT)
        .hole("lock", lock)
        .hole("wait_secs", wait.as_secs())
        .hole("holder", holder.unwrap_or_else(|| "nobody now".to_owned()))
}

/// One connection of a waiting request. When it closes without the answer, the request leaves the line, unless the
/// client has come back for it meanwhile.
struct Visit {
    locks: Locks,
    ticket: Ticket,
    number: u64,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.locks.change(|desk, now| {
            if desk.doors.get(&self.ticket).is_some_and(|door| door.visit == self.number) {
                desk.doors.remove(&self.ticket);
                desk.table.end(self.ticket, now);
            }
        });
    }
}
