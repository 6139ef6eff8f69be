//! The lock service as its routes see it: what is said goes to the writer, and its answer comes back.

use crate::access::{Access, Gate};
use crate::clock::Clock;
use crate::desk::Told;
use crate::entry::{Ask, Said};
use crate::ledger::{self, Place};
use crate::table::{Refused, Table, whole_secs};
use crate::wire::{Acquired, Hold, Lock, Owner, Waits};
use crate::writer::{Answered, Call, Reply, Writer};
use errors::Fault;
use errors::locks::{BAD_REQUEST, HOLDER_ALIVE, LOCK_TIMEOUT, LOCK_UNKNOWN, NOT_HELD, REGISTERS_AWAY};
use model::lock::LockName;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// How many calls may stand before the writer.
const INBOX: usize = 65_536;

/// The service's state; clones share it. When the last is dropped, the service closes.
#[derive(Clone)]
pub struct Locks(Arc<Inner>);

struct Inner {
    calls: mpsc::Sender<Call>,
    clock: Clock,
    gate: Gate,
    /// The first half says which process it was, the second counts.
    visits: AtomicU64,
    ends: CancellationToken,
    gone: CancellationToken,
}

/// What came of a request to acquire.
pub(crate) enum Asked {
    Acquired(Acquired),
    /// It is in line, and is to be asked again.
    Waits(Waits),
}

/// The lock service with its registers at a URL: `memory:`, `file://FOLDER`, or `postgres://...`, which several processes
/// may share. Done once it has read them, and may serve.
///
/// Errors: [`errors::locks::REGISTERS_URL`], [`errors::locks::REGISTERS_AWAY`].
pub async fn service(access: &Access, registers: &str) -> Result<Locks, Fault> {
    Locks::new(access, Clock::default(), ledger::place(registers)?).await
}

impl Locks {
    pub async fn new(access: &Access, clock: Clock, place: Place) -> Result<Self, Fault> {
        let (calls, inbox) = mpsc::channel(INBOX);
        let (opened, ready) = oneshot::channel();
        let time = clock.clone();
        let gone = CancellationToken::new();
        let going = gone.clone().drop_guard();
        // A thread of its own: it waits for the disk, which would hold up everyone else's.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unstarted)?;
        let write = move || {
            // However it ends, by a defect too.
            let _going = going;
            runtime.block_on(async {
                match Writer::open(place, time, inbox).await {
                    Ok(writer) => {
                        let _ = opened.send(Ok(()));
                        writer.run().await;
                    }
                    Err(fault) => drop(opened.send(Err(fault))),
                }
            });
        };
        std::thread::Builder::new().name("locks".into()).spawn(write).map_err(unstarted)?;
        ready.await.map_err(|_| closed())??;
        let visits = AtomicU64::new(uuid::Uuid::new_v4().as_u64_pair().0 & 0xffff_ffff_0000_0000);
        Ok(Self(Arc::new(Inner {
            calls,
            clock,
            gate: Gate::new(access),
            visits,
            ends: CancellationToken::new(),
            gone,
        })))
    }

    /// Done when nothing can be granted any more: the service was closed, or has a defect.
    pub async fn gone(&self) {
        self.0.gone.cancelled().await;
    }

    /// Answers every request that waits that it is to be asked again, here or elsewhere; they keep their places.
    pub fn hand_over(&self) {
        self.0.ends.cancel();
    }

    /// Ends the service: other processes on the same registers need not wait for it to be found out.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.0.calls.send(Call::Close(done)).await.is_ok() {
            // Gone already is closed too.
            let _ = closed.await;
        }
    }

    /// Whether the registers answer, for readiness.
    pub async fn check(&self) -> Result<(), Fault> {
        let (to, answer) = oneshot::channel();
        self.0.calls.send(Call::Check(to)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    /// Waits for the locks; dropped while it waits, it leaves the line. A visit number is put into `ask`.
    pub(crate) async fn acquire(&self, ask: Ask, wait: Duration) -> Result<Asked, Fault> {
        let arrived = self.0.clock.now();
        let number = self.0.visits.fetch_add(1, Ordering::Relaxed);
        // The request lives for as long as its lease without being asked again: the other half is for the way.
        let patience = wait.min(ask.lease / 2);
        let (owner, request) = (ask.owner.clone(), ask.request.clone());
        let mut visit = Visit { locks: self.clone(), owner, request, number, over: false };
        let mut answer = self.send(Said::Acquire(Ask { visit: number, ..ask })).await?;
        let answered = tokio::select! {
            biased;
            answered = &mut answer => answered.map_err(|_| closed())?,
            () = self.patience(arrived + patience) => {
                let waits = self.blocked(&visit).await?;
                match (answer.try_recv(), waits) {
                    // It came while this one looked.
                    (Ok(answered), _) => answered,
                    (Err(_), Some(waits)) if patience < wait || self.0.ends.is_cancelled() => {
                        // It keeps its place for the client that comes back.
                        visit.over = true;
                        return Ok(Asked::Waits(waits));
                    }
                    (Err(_), waits) => {
                        // It has left before it is told so.
                        self.said(visit.left()).await?;
                        return Err(timeout(waits, wait));
                    }
                }
            }
        };
        visit.over = true;
        let Answered { told, waited } = answered?;
        match told {
            Told::Granted(grants) => {
                let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
                Ok(Asked::Acquired(Acquired { grants, waited_ms }))
            }
            Told::Refused(refused) => Err(fault(refused)),
            // Released by its owner while it waited, or asked for on another connection.
            Told::Ended | Told::Done | Told::Renewed(_) => Err(timeout(None, wait)),
        }
    }

    /// Until there has been enough waiting on one connection.
    async fn patience(&self, ends: Duration) {
        tokio::select! {
            () = self.0.clock.wait_until(ends) => {}
            () = self.0.ends.cancelled() => {}
        }
    }

    async fn blocked(&self, visit: &Visit) -> Result<Option<Waits>, Fault> {
        let (owner, request) = (visit.owner.clone(), visit.request.clone());
        self.look(move |table, _| {
            let (lock, holder) = table.blocked(&owner, &request)?;
            Some(Waits { lock: lock.clone(), holder: holder.cloned() })
        })
        .await
    }

    pub(crate) async fn renew(&self, owner: Owner, request: String, held: Vec<Hold>) -> Result<Duration, Fault> {
        match self.said(Said::Renew { owner, request, held }).await? {
            Told::Renewed(lease) => Ok(lease),
            Told::Granted(_) | Told::Done | Told::Ended | Told::Refused(_) => Err(closed()),
        }
    }

    pub(crate) async fn release(&self, owner: Owner, request: String) -> Result<(), Fault> {
        self.said(Said::Release { owner, request }).await.map(drop)
    }

    pub(crate) async fn break_lock(&self, name: LockName) -> Result<(), Fault> {
        self.said(Said::Break { name }).await.map(drop)
    }

    pub(crate) async fn list(&self) -> Result<Vec<Lock>, Fault> {
        self.look(|table, now| table.list(now)).await
    }

    pub(crate) async fn show(&self, name: &LockName) -> Result<Lock, Fault> {
        let wanted = name.clone();
        self.look(move |table, now| table.show(&wanted, now)).await?.ok_or_else(|| unknown(name))
    }

    /// Whether nothing is kept: nobody holds, nobody waits.
    pub async fn is_idle(&self) -> bool {
        self.look(|table, _| table.is_empty()).await.unwrap_or(true)
    }

    /// Errors when the service has closed.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Table, Duration) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let (to, seen) = oneshot::channel();
        let look = Call::Look(Box::new(move |table, now| drop(to.send(look(table, now)))));
        self.0.calls.send(look).await.map_err(|_| closed())?;
        seen.await.map_err(|_| closed())
    }

    async fn send(&self, said: Said) -> Result<oneshot::Receiver<Result<Answered, Fault>>, Fault> {
        let (to, answer) = oneshot::channel();
        self.0.calls.send(Call::Say(said, Reply::new(to))).await.map_err(|_| closed())?;
        Ok(answer)
    }

    async fn said(&self, said: Said) -> Result<Told, Fault> {
        match self.send(said).await?.await.map_err(|_| closed())??.told {
            Told::Refused(refused) => Err(fault(refused)),
            told => Ok(told),
        }
    }
}

fn fault(refused: Refused) -> Fault {
    match refused {
        Refused::OtherNames => {
            Fault::new(&BAD_REQUEST).hole("reason", "the request's id was used before for other locks")
        }
        Refused::Upgrade(lock) => Fault::new(&errors::locks::UPGRADE).hole("lock", lock),
        Refused::Lost(lost) => Fault::new(&NOT_HELD).hole("lock", lost.name).hole("fence", lost.fence),
        Refused::NotHeld(lock) => unknown(&lock),
        Refused::Alive { name, holder, left } => {
            Fault::new(&HOLDER_ALIVE).hole("lock", name).hole("holder", holder).hole("left_secs", whole_secs(left))
        }
    }
}

fn unknown(name: &LockName) -> Fault {
    Fault::new(&LOCK_UNKNOWN).hole("lock", name)
}

fn closed() -> Fault {
    Fault::new(&REGISTERS_AWAY).hole("reason", "the lock service is closing")
}

fn unstarted(error: std::io::Error) -> Fault {
    Fault::new(&REGISTERS_AWAY).hole("reason", format!("its writer does not start: {error}"))
}

pub(crate) fn timeout(waits: Option<Waits>, wait: Duration) -> Fault {
    let (lock, holder) = match waits {
        Some(Waits { lock, holder }) => (lock.to_string(), holder),
        None => ("asked for".to_owned(), None),
    };
    Fault::new(&LOCK_TIMEOUT)
        .hole("lock", lock)
        .hole("wait_secs", wait.as_secs())
        .hole("holder", holder.map_or_else(|| "nobody now".to_owned(), |holder| holder.to_string()))
}

/// One connection of a waiting request. When it closes without an answer, the request leaves the line, unless the client
/// has come back for it meanwhile.
struct Visit {
    locks: Locks,
    owner: Owner,
    request: String,
    number: u64,
    over: bool,
}

impl Visit {
    fn left(&mut self) -> Said {
        self.over = true;
        Said::Leave { owner: self.owner.clone(), request: self.request.clone(), visit: self.number }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        // A service that ends closes every connection; the requests are not over for it.
        if !self.over && !self.locks.0.ends.is_cancelled() {
            let left = self.left();
            // A full inbox leaves it to the lease.
            let _ = self.locks.0.calls.try_send(Call::Tell(left));
        }
    }
}
