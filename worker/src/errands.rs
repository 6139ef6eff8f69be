//! Errands: taken for the hosts that are served, each carried out in a task of its own, beside the attempts and not in
//! their slots.
//!
//! Flow: a nudge (a heartbeat, or an errand that has ended) has the API asked for the oldest errand of each host that has
//! room; what acts does so under its locks and their fences; the result is settled with the attempt's number. What only
//! looks holds no lock and no fence, so that the host lets it do nothing else: the API judges whether it still counts.
//!
//! Guarantees: an attempt whose lease or lock was lost acts no more. A host that hangs keeps nobody else's errands.

use crate::{Worker, verify};
use ::hosts::{Fences, Host};
use errors::Fault;
use iaas::fleet::{ErrandOutcome, RenewErrand, SettleErrand, TakeErrands};
use model::errand::{Taken, What};
use model::lock::Mode;
use model::task::ErrorRecord;
use model::{ErrandId, TaskId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use survey::Site;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, info, info_span, warn};

/// Errands at once on one host.
const PER_HOST: usize = 2;

const SURVEY_LIMIT: Duration = Duration::from_secs(600);
/// Removing an image or a backup of terabytes takes its time.
const ACT_LIMIT: Duration = Duration::from_secs(4 * 3600);
/// Reading a chain of terabytes takes more.
const VERIFY_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// How long the locks are waited for.
const LOCK_WAIT: Duration = Duration::from_secs(30);

/// How long a result is offered to an API that does not answer; after that the errand is done again.
const OFFER_LIMIT: Duration = Duration::from_secs(600);

/// A host, and how many errands are at work on it.
struct Room {
    host: Arc<dyn Host>,
    busy: usize,
}

#[derive(Clone)]
pub(crate) struct Errands {
    worker: Worker,
    rooms: Arc<Mutex<HashMap<String, Room>>>,
    nudge: Arc<Notify>,
    running: TaskTracker,
    shutdown: CancellationToken,
}

impl Errands {
    pub fn start(worker: Worker, shutdown: CancellationToken) -> Self {
        let nudge = Arc::new(Notify::new());
        let errands = Self { worker, rooms: Arc::default(), nudge, running: TaskTracker::new(), shutdown };
        tokio::spawn(errands.clone().run());
        errands
    }

    /// The hosts that are served now; one that stays keeps its count.
    pub fn serve(&self, hosts: impl Iterator<Item = Arc<dyn Host>>) {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *rooms);
        rooms.extend(hosts.map(|host| {
            let busy = before.remove(host.name()).map_or(0, |room| room.busy);
            (host.name().to_owned(), Room { host, busy })
        }));
        self.nudge.notify_one();
    }

    async fn run(self) {
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                () = self.nudge.notified() => {}
            }
            self.take().await;
        }
    }

    async fn take(&self) {
        let hosts: Vec<String> = {
            let rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
            rooms.iter().filter(|(_, room)| room.busy < PER_HOST).map(|(name, _)| name.clone()).collect()
        };
        if hosts.is_empty() {
            return;
        }
        let take = TakeErrands { worker: self.worker.name.clone(), hosts };
        let taken = match self.worker.client.errands_take(&take).await {
            Ok(taken) => taken.items,
            Err(failure) => return warn!(%failure, "errands cannot be taken; trying again with the next heartbeat"),
        };
        if !taken.is_empty() {
            self.nudge.notify_one();
        }
        for taken in taken {
            let Some(host) = self.enter(&taken.errand.host) else { continue };
            let errands = self.clone();
            self.running.spawn(async move {
                let name = taken.errand.host.clone();
                errands.carry_out(taken, host).await;
                errands.leave(&name);
            });
        }
    }

    fn enter(&self, host: &str) -> Option<Arc<dyn Host>> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let room = rooms.get_mut(host)?;
        room.busy += 1;
        Some(room.host.clone())
    }

    fn leave(&self, host: &str) {
        if let Some(room) = self.rooms.lock().unwrap_or_else(PoisonError::into_inner).get_mut(host) {
            room.busy = room.busy.saturating_sub(1);
        }
        self.nudge.notify_one();
    }

    async fn carry_out(&self, taken: Taken, host: Arc<dyn Host>) {
        let (id, what) = (taken.errand.id, taken.errand.what.to_string());
        let span = info_span!("errand", otel.name = %format!("errand {what}"), errand = id.0, host = taken.errand.host);
        async {
            let (word, name, attempt) = (taken.errand.what.word(), taken.errand.host.clone(), taken.errand.attempts);
            let began = Instant::now();
            let site = Site::new(host, &taken.server);
            let result = tokio::select! {
                () = self.shutdown.cancelled() => return info!("left at shutdown; it is taken again"),
                () = self.keep(id, attempt, taken.lease_secs, site.notes()) => return warn!("superseded: it is left to another attempt"),
                result = self.attempt(&taken, &site) => result,
            };
            let outcome = result.unwrap_or_else(|fault| {
                warn!(code = fault.entry.code, reason = fault.chain(), what, "the errand failed");
                ErrandOutcome::Failed { error: ErrorRecord::of_errand(&fault, word, &name) }
            });
            let ended = match &outcome {
                ErrandOutcome::Failed { .. } => "failed",
                ErrandOutcome::Verified { verified } if !verified.is_whole() => "damaged",
                ErrandOutcome::Surveyed { .. } | ErrandOutcome::Verified { .. } | ErrandOutcome::Done => "succeeded",
            };
            metrics::histogram!("drover_errand_seconds", "what" => word, "outcome" => ended)
                .record(began.elapsed().as_secs_f64());
            info!(what, outcome = ended, "errand");
            self.settle(id, &SettleErrand { attempt, outcome }).await;
        }
        .instrument(span)
        .await;
    }

    /// Renews the lease and tells how far it is; ends when it cannot be kept.
    async fn keep(&self, id: ErrandId, attempt: u32, lease_secs: u32, notes: watch::Receiver<Option<String>>) {
        let lease = Duration::from_secs(lease_secs.into());
        let mut ends = Instant::now() + lease;
        loop {
            tokio::time::sleep(lease / 3).await;
            let asked = Instant::now();
            let renew = RenewErrand { attempt, note: notes.borrow().clone() };
            match self.worker.client.errand_renew(id, &renew).await {
                Ok(_) => ends = asked + lease,
                Err(failure) if failure.is_passing() && Instant::now() < ends => {}
                Err(failure) => return warn!(%failure, "the lease is lost"),
            }
        }
    }

    async fn attempt(&self, taken: &Taken, site: &Site) -> Result<ErrandOutcome, Fault> {
        let limit = match taken.errand.what {
            What::Survey => SURVEY_LIMIT,
            What::Verify { .. } => VERIFY_LIMIT,
            What::Quarantine { .. } | What::Restore { .. } | What::Purge { .. } => ACT_LIMIT,
        };
        let late = || {
            let fault = Fault::new(&errors::errand::ERRAND_DEADLINE).hole("host", &taken.errand.host);
            fault.hole("deadline_secs", limit.as_secs())
        };
        tokio::time::timeout(limit, self.work(taken, site)).await.unwrap_or_else(|_| Err(late()))
    }

    async fn work(&self, taken: &Taken, site: &Site) -> Result<ErrandOutcome, Fault> {
        let errand = &taken.errand;
        let found = match &errand.what {
            What::Survey => return Ok(ErrandOutcome::Surveyed { found: survey::find(site).await? }),
            What::Verify { kind, vm, repository, chain } => {
                let verified = verify::verify(site, *kind, *repository, *vm, chain).await?;
                return Ok(ErrandOutcome::Verified { verified });
            }
            What::Quarantine { found } | What::Restore { found } | What::Purge { found, .. } => found,
        };
        let wanted = survey::locks(found, &errand.host);
        let owner = locks::Owner {
            task: TaskId(-errand.id.0),
            attempt: errand.attempts,
            worker: self.worker.name.clone(),
            host: errand.host.clone(),
            step: errand.what.to_string().chars().take(200).collect(),
        };
        let held = self.worker.locks.acquire(&wanted, owner, LOCK_WAIT).await?;
        let fences = wanted.iter().filter_map(|lock| Some((lock.clone(), held.fence(lock)?)));
        let empty = Fences::new(&site.settings.storage);
        site.hold(fences.fold(empty, |fences, (lock, fence)| fences.with(lock, Mode::Exclusive, fence)));
        let lost = held.lost();
        let result = tokio::select! {
            () = lost.cancelled() => Err(Fault::new(&errors::driver::LOCK_LOST).hole("lock", &wanted[0])),
            result = act(site, &errand.what) => result,
        };
        held.release().await;
        result.map(|()| ErrandOutcome::Done)
    }

    async fn settle(&self, id: ErrandId, settle: &SettleErrand) {
        let until = Instant::now() + OFFER_LIMIT;
        let mut pause = Duration::from_millis(100);
        while let Err(failure) = self.worker.client.errand_settle(id, settle).await {
            warn!(%failure, "the result was not taken");
            if !failure.is_passing() || Instant::now() >= until {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    /// Those that run are left where they are: each can be done again.
    pub async fn stop(&self) {
        self.running.close();
        self.running.wait().await;
    }
}

async fn act(site: &Site, what: &What) -> Result<(), Fault> {
    match what {
        What::Survey | What::Verify { .. } => Ok(()),
        What::Quarantine { found } => survey::set_aside(site, found).await,
        What::Restore { found } => survey::put_back(site, found).await,
        What::Purge { found, now } => {
            if *now && !found.aside {
                match survey::set_aside(site, found).await {
                    // Set aside and removed by an attempt before this one.
                    Err(fault) if fault.entry == &errors::errand::FOUND_GONE => {}
                    result => result?,
                }
            }
            survey::purge(site, found).await
        }
    }
}
