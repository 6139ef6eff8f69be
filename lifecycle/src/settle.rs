//! The end of an attempt: what its result means for the task and the resource, and telling the API so.
//!
//! Retry is decided here and nowhere else, by the category of the fault.

use crate::notify;
use crate::report::{Halt, Report};
use errors::{Category, Fault, Retry};
use iaas::fleet::{Assignment, Claimed, Outcome, Release, Settle, Wait};
use iaas::{Client, Failure};
use model::task::{ErrorRecord, Plan};
use model::{Kind, Moment, ResourceId, State, TaskId, Verb, states};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::Instant;
use tracing::Instrument;
use tracing::{error, info, info_span, warn};

/// The timer behind a wait that an event ends.
pub(crate) const SLOW_TIMER_SECS: u32 = 30;

/// The pause before something that ends by itself (a host that is down, a service that is away) is tried again.
const OUTAGE_SECS: u32 = 5;

/// How long the result of an attempt is offered to an API that does not answer; after that the sweep repeats the task.
const OFFER_LIMIT: Duration = Duration::from_secs(600);

/// What a desk tells the API.
enum Write {
    Wait(Wait),
    Release(Release),
    Settle(Settle),
}

impl Write {
    fn name(&self) -> &'static str {
        match self {
            Self::Wait(_) => "wait",
            Self::Release(_) => "release",
            Self::Settle(_) => "settle",
        }
    }
}

/// What settles one task.
pub(crate) struct Desk {
    client: Client,
    worker: String,
    notify: Arc<[String]>,
    task: TaskId,
    resource: ResourceId,
    kind: Kind,
    verb: Verb,
    host: String,
    faults: u32,
    requested_at: Moment,
    dry_run: bool,
    report: Report,
    began: OnceLock<(Instant, Claimed)>,
}

impl Desk {
    pub fn new(client: Client, worker: String, notify: Arc<[String]>, assignment: &Assignment, report: Report) -> Self {
        let task = &assignment.task;
        Self {
            client,
            worker,
            notify,
            task: task.id,
            resource: task.resource_id,
            kind: task.kind,
            verb: task.verb,
            host: task.host.clone(),
            faults: task.faults,
            requested_at: task.requested_at,
            dry_run: task.dry_run,
            report,
            began: OnceLock::new(),
        }
    }

    pub fn task(&self) -> TaskId {
        self.task
    }

    pub fn began(&self, claimed: Claimed) {
        // Set once: a desk serves one attempt.
        let _ = self.began.set((Instant::now(), claimed));
        let waited = Moment::now().duration_since(self.requested_at).as_secs_f64().max(0.0);
        metrics::histogram!("drover_task_queue_wait_seconds", "kind" => self.kind.word(), "verb" => self.verb.word())
            .record(waited);
    }

    /// The prerequisites refused, before any attempt.
    pub async fn refused(&self, fault: Fault) {
        let error = self.record(&fault);
        self.settle(None, Outcome::Failed { error }).await;
    }

    /// A fault that stood in the way of an attempt, or ended it: wait, try again, or fail, as its category says.
    pub async fn unfit(&self, began: Option<Claimed>, fault: Fault) {
        let record = self.record(&fault);
        match fault.entry.category.policy().retry {
            Retry::WhenItEnds => self.wait(began, record.text, None, OUTAGE_SECS, None).await,
            Retry::Backoff if self.faults + 1 < Category::MAX_TRIES => {
                let pause = 2_u32.saturating_pow(self.faults);
                let reason = format!("another try in {pause} s, after {}: {}", record.code, record.text);
                self.wait(began, reason, None, pause, Some(record)).await;
            }
            Retry::Backoff | Retry::Never => self.settle(began, Outcome::Failed { error: record }).await,
        }
    }

    /// Ends the attempt by its result. Gives whether the resource is closed now.
    pub async fn conclude(&self, claimed: Claimed, result: Result<Option<Plan>, Fault>) -> bool {
        let began = Some(claimed);
        match (result, self.report.halt()) {
            (Ok(Some(plan)), _) => self.settle(began, Outcome::Planned { plan }).await,
            (Ok(None), _) => {
                self.settle(began, Outcome::Succeeded).await;
                return states::row_of_verb(self.kind, self.verb).is_some_and(|row| row.into == State::Closed);
            }
            (Err(fault), Some(Halt::Superseded { .. })) => {
                warn!(%fault, "superseded: a newer attempt carries on, this one writes no more");
                self.count("superseded", "");
            }
            (Err(_), Some(Halt::HandOver)) => self.release(claimed).await,
            (Err(fault), Some(Halt::Cancelled { .. })) => {
                let error = self.record(&fault);
                let untouched = self.report.is_untouched();
                self.settle(began, Outcome::Cancelled { error, untouched }).await;
            }
            (Err(fault), Some(Halt::LockLost { .. }) | None) => self.unfit(began, fault).await,
        }
        false
    }

    pub async fn wait(
        &self,
        began: Option<Claimed>,
        reason: String,
        resource_id: Option<ResourceId>,
        retry_secs: u32,
        fault: Option<ErrorRecord>,
    ) {
        info!(reason, retry_secs, "waiting");
        self.count("waiting", fault.as_ref().map_or("", |fault| &fault.code));
        let wait = Wait {
            fence: began.map(|claimed| claimed.fence),
            reason,
            resource_id,
            retry_secs,
            fault,
            untouched: self.report.is_untouched(),
            steps: self.report.unsent(),
            steps_total: self.report.steps_total(),
        };
        self.offer(Write::Wait(wait)).await;
    }

    async fn release(&self, claimed: Claimed) {
        info!("handed over at a step boundary");
        self.count("handed_over", "");
        let release = Release {
            fence: claimed.fence,
            untouched: self.report.is_untouched(),
            steps: self.report.unsent(),
            steps_total: self.report.steps_total(),
        };
        self.offer(Write::Release(release)).await;
    }

    async fn settle(&self, began: Option<Claimed>, outcome: Outcome) {
        let (word, code) = match &outcome {
            Outcome::Succeeded => ("succeeded", ""),
            Outcome::Failed { error } => ("failed", error.code.as_str()),
            Outcome::Cancelled { error, .. } => ("cancelled", error.code.as_str()),
            Outcome::Planned { .. } => ("planned", ""),
        };
        match &outcome {
            Outcome::Failed { error } => {
                error!(code, step = error.step, command = error.command, text = error.text, "failed")
            }
            _ => info!(outcome = word, code, "settled"),
        }
        self.count(word, code);
        let failed = match &outcome {
            Outcome::Failed { error } if !self.dry_run => Some(error.clone()),
            _ => None,
        };
        let settle = Settle {
            fence: began.map(|claimed| claimed.fence),
            worker: self.worker.clone(),
            outcome,
            facts: self.report.facts(),
            steps: self.report.unsent(),
            steps_total: self.report.steps_total(),
        };
        self.offer(Write::Settle(settle)).await;
        if let Some(error) = &failed {
            self.tell(error).await;
        }
    }

    async fn tell(&self, error: &ErrorRecord) {
        let failure = notify::Failure {
            task: self.task,
            resource: self.resource,
            kind: self.kind,
            verb: self.verb,
            host: &self.host,
            worker: &self.worker,
            error,
        };
        notify::tell(&self.notify, &failure).await;
    }

    /// Offers a write until the API has it, refuses it, or too long has passed.
    async fn offer(&self, write: Write) {
        let what = write.name();
        self.offer_for(write).instrument(info_span!("settle", otel.name = what)).await;
    }

    async fn offer_for(&self, write: Write) {
        let until = Instant::now() + OFFER_LIMIT;
        let mut pause = Duration::from_millis(100);
        loop {
            match self.send(&write).await {
                Ok(()) => return,
                Err(failure) if failure.is_passing() && Instant::now() < until => {
                    warn!(%failure, what = write.name(), "the API does not take the result; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
                Err(failure) => {
                    warn!(%failure, what = write.name(), "the result was not taken");
                    return;
                }
            }
        }
    }

    async fn send(&self, write: &Write) -> Result<(), Failure> {
        match write {
            Write::Wait(wait) => self.client.wait(self.task, wait).await,
            Write::Release(release) => self.client.release(self.task, release).await,
            Write::Settle(settle) => self.client.settle(self.task, settle).await,
        }
    }

    fn record(&self, fault: &Fault) -> ErrorRecord {
        ErrorRecord::of(fault, Some((self.kind, self.verb)), Some(&self.host))
    }

    fn count(&self, outcome: &'static str, code: &str) {
        if self.dry_run {
            return;
        }
        let (kind, verb) = (self.kind.word(), self.verb.word());
        metrics::counter!("drover_tasks_total", "kind" => kind, "verb" => verb, "host" => self.host.clone(), "outcome" => outcome, "error_code" => code.to_owned())
            .increment(1);
        if let Some((began, _)) = self.began.get() {
            metrics::histogram!("drover_task_run_seconds", "kind" => kind, "verb" => verb, "outcome" => outcome)
                .record(began.elapsed().as_secs_f64());
        }
    }
}
