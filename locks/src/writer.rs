//! The one who writes: takes what was said, puts it into the ledger, applies it, and answers.
//!
//! Flow: everything that has arrived makes one batch; the ledger gives the turn; the batch is appended and applied; grants
//! are answered once they are synced, and so is a request's place in line. A renewal and a release are answered at once:
//! if the machine's power fails before the next sync, every lease starts anew, which is later than their client reckons.

use crate::desk::{Desk, Outcome, Told};
use crate::entry::{Entry, Said};
use crate::ledger::{Caught, Heard, Ledger, Place, Unwritten};
use crate::pace::Pace;
use crate::table::{Event, Table};
use errors::Fault;
use errors::locks::REGISTERS_AWAY;
use metrics::{gauge, histogram};
use model::Fence;
use model::lock::LockName;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error, info, warn};

/// How many calls one batch takes.
const MOST: usize = 1024;

/// How long registers that do not answer are left in peace.
const PAUSE: Duration = Duration::from_millis(300);

/// With the table and the journal's time.
type Look = Box<dyn FnOnce(&Table, Duration) + Send>;

/// What a handler hands over.
pub(crate) enum Call {
    Say(Said, Reply),
    Look(Look),
    /// Nobody has to be told.
    Tell(Said),
    /// Whether the registers answer.
    Check(oneshot::Sender<Result<(), Fault>>),
    Close(oneshot::Sender<()>),
}

/// Where an answer goes.
#[derive(Debug)]
pub(crate) struct Reply {
    pub to: oneshot::Sender<Result<Answered, Fault>>,
    /// When it was asked, by the journal's time.
    asked: Duration,
}

impl Reply {
    pub fn new(to: oneshot::Sender<Result<Answered, Fault>>) -> Self {
        Self { to, asked: Duration::ZERO }
    }

    fn fail(self, fault: &Fault) {
        // Whoever has gone away needs no answer; so everywhere below.
        let _ = self.to.send(Err(again(fault)));
    }
}

#[derive(Debug)]
pub(crate) struct Answered {
    pub told: Told,
    /// How long it waited at the least.
    pub waited: Duration,
}

pub(crate) struct Writer {
    place: Place,
    ledger: Ledger,
    desk: Desk<Reply>,
    pace: Pace,
    calls: mpsc::Receiver<Call>,
    closed: bool,
}

impl Writer {
    pub async fn open(place: Place, clock: crate::Clock, calls: mpsc::Receiver<Call>) -> Result<Self, Fault> {
        let pace = Pace::new(clock);
        let (ledger, table) = Ledger::open(&place, &pace).await?;
        pace.saw(table.now());
        let mut writer = Self { place, ledger, desk: Desk::new(table), pace, calls, closed: false };
        writer.begin().await?;
        Ok(writer)
    }

    async fn begin(&mut self) -> Result<(), Fault> {
        let alone = self.ledger.is_alone();
        self.write(vec![(Said::Opened { fence: fence_of_now(), alone }, None)]).await
    }

    /// Until it is closed, or nobody is left who could say anything.
    pub async fn run(mut self) {
        let mut batch = Vec::new();
        while !self.closed {
            let deadline = self.desk.table().deadline();
            // No branch goes first: neither others' entries nor this process's calls may keep the other from being served.
            tokio::select! {
                heard = self.ledger.hear() => {
                    let heard = match heard {
                        Ok(Heard::Wanted) => self.ledger.give().await,
                        Ok(Heard::Added) => self.read().await,
                        Ok(Heard::Both) => match self.ledger.give().await {
                            Ok(()) => self.read().await,
                            Err(fault) => Err(fault),
                        },
                        Err(fault) => Err(fault),
                    };
                    if let Err(fault) = heard {
                        self.reopen(fault).await;
                    }
                }
                count = self.calls.recv_many(&mut batch, MOST) => {
                    if count == 0 {
                        break;
                    }
                    if let Some(closed) = self.take(&mut batch).await {
                        self.ledger.close().await;
                        let _ = closed.send(());
                        return;
                    }
                }
                () = self.pace.wait_until(deadline) => self.say(vec![(Said::Passed, None)]).await,
            }
        }
        self.ledger.close().await;
    }

    async fn take(&mut self, batch: &mut Vec<Call>) -> Option<oneshot::Sender<()>> {
        let (mut sayings, mut looks, mut checks, mut closes) = (Vec::new(), Vec::new(), Vec::new(), None);
        for call in batch.drain(..) {
            match call {
                Call::Say(said, reply) => sayings.push((said, Some(reply))),
                Call::Tell(said) => sayings.push((said, None)),
                Call::Look(look) => looks.push(look),
                Call::Check(to) => checks.push(to),
                Call::Close(closed) => closes = Some(closed),
            }
        }
        if !sayings.is_empty() {
            self.say(sayings).await;
        }
        // Whoever looks sees what was answered anywhere before.
        if !(checks.is_empty() && looks.is_empty())
            && let Err(fault) = self.read().await
        {
            checks.drain(..).for_each(|to| drop(to.send(Err(again(&fault)))));
            self.reopen(fault).await;
        }
        for to in checks {
            let _ = to.send(Ok(()));
        }
        for look in looks {
            look(self.desk.table(), self.pace.now());
        }
        closes
    }

    /// A fault is told to whoever waits for an answer, and the registers are opened anew.
    async fn say(&mut self, sayings: Vec<(Said, Option<Reply>)>) {
        if let Err(fault) = self.write(sayings).await {
            self.reopen(fault).await;
        }
    }

    async fn write(&mut self, mut sayings: Vec<(Said, Option<Reply>)>) -> Result<(), Fault> {
        for (said, _) in &mut sayings {
            if let Said::Acquire(ask) = said {
                ask.grace = self.ledger.grace();
            }
        }
        let entries = loop {
            let result = match self.ledger.turn().await {
                Ok(caught) => {
                    self.caught(caught);
                    let at = self.pace.now();
                    let entries: Vec<Entry> =
                        sayings.iter().map(|(said, _)| Entry { at, said: said.clone() }).collect();
                    self.ledger.append(&entries).await.map(|()| entries)
                }
                Err(fault) => Err(Unwritten::Away(fault)),
            };
            match result {
                Ok(entries) => break entries,
                Err(Unwritten::Behind) => {}
                Err(Unwritten::Away(fault)) => {
                    sayings.into_iter().filter_map(|(_, reply)| reply).for_each(|reply| reply.fail(&fault));
                    return Err(fault);
                }
            }
        };
        let mut must_keep = false;
        let mut grants = Vec::new();
        for (entry, (_, reply)) in entries.iter().zip(sayings) {
            must_keep |= matches!(entry.said, Said::Acquire(_));
            let reply = reply.map(|reply| Reply { asked: entry.at, ..reply });
            let Outcome { told, events } = self.desk.apply(entry, reply);
            events.into_iter().for_each(tell);
            for (reply, told) in told {
                let answered = Answered { waited: entry.at.saturating_sub(reply.asked), told };
                if answered.told.must_be_kept() {
                    grants.push((reply, answered));
                } else {
                    let _ = reply.to.send(Ok(answered));
                }
            }
        }
        if (must_keep || !grants.is_empty())
            && let Err(fault) = self.ledger.sync()
        {
            grants.into_iter().for_each(|(reply, _)| reply.fail(&fault));
            return Err(fault);
        }
        for (reply, answered) in grants {
            let _ = reply.to.send(Ok(answered));
        }
        gauge!("drover_locks_held").set(self.desk.table().held() as f64);
        self.ledger.compact(self.desk.table()).await
    }

    async fn read(&mut self) -> Result<(), Fault> {
        let caught = self.ledger.catch_up().await?;
        self.caught(caught);
        Ok(())
    }

    /// What other processes have added. Its moment is known only roughly: a grant counts from when it was asked for.
    fn caught(&mut self, caught: Option<Caught>) {
        let told = match caught {
            None => return,
            Some(Caught::Whole(table)) => {
                self.pace.saw(table.now());
                self.desk.replace(*table)
            }
            Some(Caught::Entries(entries)) => {
                let apply = |entry: &Entry| {
                    self.pace.saw(entry.at);
                    self.desk.apply(entry, None).told
                };
                entries.iter().flat_map(apply).collect()
            }
        };
        for (reply, told) in told {
            let _ = reply.to.send(Ok(Answered { told, waited: Duration::ZERO }));
        }
    }

    /// The table is what the registers say, whatever this process had made of it.
    async fn reopen(&mut self, fault: Fault) {
        error!(code = fault.entry.code, reason = fault.chain(), "the registers are opened anew");
        loop {
            // A file is open once: the old one is closed first.
            std::mem::replace(&mut self.ledger, Ledger::Memory).close().await;
            let begun = match Ledger::open(&self.place, &self.pace).await {
                Ok((ledger, table)) => {
                    self.ledger = ledger;
                    self.caught(Some(Caught::Whole(Box::new(table))));
                    self.begin().await
                }
                Err(fault) => Err(fault),
            };
            let Err(fault) = begun else { return info!("the registers answer again") };
            tokio::time::sleep(PAUSE).await;
            self.closed |= self.calls.is_closed();
            while let Ok(call) = self.calls.try_recv() {
                match call {
                    Call::Say(_, reply) => reply.fail(&fault),
                    Call::Look(look) => look(self.desk.table(), self.pace.now()),
                    Call::Tell(_) => {}
                    Call::Check(to) => drop(to.send(Err(again(&fault)))),
                    Call::Close(closed) => {
                        self.closed = true;
                        let _ = closed.send(());
                    }
                }
            }
            if self.closed {
                return;
            }
        }
    }
}

/// For one more of those who wait.
fn again(fault: &Fault) -> Fault {
    let reason = fault.holes.first().map_or("they are away", |(_, reason)| reason);
    Fault::new(&REGISTERS_AWAY).hole("reason", reason)
}

/// Microseconds since 1970: above every fence of an older copy of the registers, unless the clock was set back since, or
/// more than a million locks a second were granted.
fn fence_of_now() -> Fence {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Fence(i64::try_from(now.as_micros()).unwrap_or(i64::MAX / 2))
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
        Event::Expired { owner, names, held: true } => {
            let locks: Vec<String> = names.iter().map(ToString::to_string).collect();
            warn!(%owner, locks = locks.join(" "), "a lease ran out: its locks are freed");
        }
        Event::Expired { .. } | Event::Granted { .. } | Event::Ended { .. } => {}
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
