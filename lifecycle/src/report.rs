//! What an attempt tells the API while it runs, and what the API tells it: steps go out, the lease comes back, and with
//! it the word that the attempt is to stop.

use errors::Fault;
use iaas::Client;
use iaas::fleet::{Claimed, Progress};
use model::resource::Facts;
use model::task::{Step, StepOutcome};
use model::{Fence, Moment, TaskId};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Steps that change within this time go out in one request; a verb that ends sooner sends them with its settle.
const COALESCE: Duration = Duration::from_millis(150);

/// Why an attempt stops at its next step boundary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    Cancelled { by: String },
    HandOver,
    Superseded { fence: Fence },
    LockLost { lock: String },
}

impl Halt {
    pub fn fault(&self, step: &str) -> Fault {
        match self {
            Self::Cancelled { by } => Fault::new(&errors::driver::CANCELLED).hole("by", by).hole("step", step),
            Self::HandOver => Fault::new(&errors::driver::HANDED_OVER).hole("step", step),
            Self::Superseded { fence } => Fault::new(&errors::driver::SUPERSEDED).hole("fence", fence),
            Self::LockLost { lock } => Fault::new(&errors::driver::LOCK_LOST).hole("lock", lock),
        }
    }
}

#[derive(Clone)]
pub(crate) struct Report(Arc<Inner>);

struct Inner {
    client: Client,
    task: TaskId,
    /// The worker is shutting down.
    shutdown: CancellationToken,
    /// There is a reason to stop.
    halted: CancellationToken,
    changed: Notify,
    state: Mutex<State>,
}

struct State {
    attempt: u32,
    steps: Vec<Step>,
    /// How many of `steps`, from the front, the API has in their final form.
    settled: usize,
    total: Option<u32>,
    halt: Option<Halt>,
    facts: Facts,
    /// Whether a step began to act.
    touched: bool,
}

impl Report {
    pub fn new(client: Client, task: TaskId, attempt: u32, shutdown: CancellationToken) -> Self {
        let state = State {
            attempt,
            steps: Vec::new(),
            settled: 0,
            total: None,
            halt: None,
            facts: Facts::new(),
            touched: false,
        };
        let halted = CancellationToken::new();
        Self(Arc::new(Inner { client, task, shutdown, halted, changed: Notify::new(), state: Mutex::new(state) }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many steps there are.
    pub fn total(&self, total: u32) {
        self.state().total = Some(total);
    }

    pub fn steps_total(&self) -> Option<u32> {
        self.state().total
    }

    pub fn fact(&self, name: &str, value: serde_json::Value) {
        self.state().facts.insert(name.to_owned(), value);
    }

    pub fn facts(&self) -> Facts {
        self.state().facts.clone()
    }

    /// A step begins to act.
    pub fn touch(&self) {
        self.state().touched = true;
    }

    pub fn is_untouched(&self) -> bool {
        !self.state().touched
    }

    pub fn begin(&self, number: u32, name: &str) {
        let mut state = self.state();
        let attempt = state.attempt;
        state.steps.push(Step {
            attempt,
            number,
            name: name.to_owned(),
            outcome: StepOutcome::Running,
            started_at: Moment::now(),
            ended_at: None,
            note: None,
        });
        drop(state);
        self.0.changed.notify_one();
    }

    /// Ends the step that runs.
    pub fn end(&self, outcome: StepOutcome) {
        if let Some(step) = self.state().steps.last_mut() {
            step.outcome = outcome;
            step.ended_at = Some(Moment::now());
        }
        self.0.changed.notify_one();
    }

    pub fn note(&self, note: String) {
        if let Some(step) = self.state().steps.last_mut() {
            step.note = Some(note);
        }
        self.0.changed.notify_one();
    }

    pub fn halt(&self) -> Option<Halt> {
        let halt = self.state().halt.clone();
        halt.or_else(|| self.0.shutdown.is_cancelled().then_some(Halt::HandOver))
    }

    /// The first reason stays, but for one that takes the attempt's right to write.
    pub fn stop(&self, halt: Halt) {
        let mut state = self.state();
        if state.halt.is_none() || matches!(halt, Halt::Superseded { .. }) {
            state.halt = Some(halt);
        }
        drop(state);
        self.0.halted.cancel();
    }

    /// Done when there is a reason to stop; at once when there is one already.
    pub async fn halts(&self) {
        tokio::select! {
            () = self.0.halted.cancelled() => {}
            () = self.0.shutdown.cancelled() => {}
        }
    }

    /// The step that runs.
    pub fn step(&self) -> String {
        self.state().steps.last().map(|step| step.name.clone()).unwrap_or_default()
    }

    /// Steps that the API does not have yet in their present form.
    pub fn unsent(&self) -> Vec<Step> {
        let state = self.state();
        state.steps[state.settled..].to_vec()
    }

    /// The claim fixed which attempt this is.
    pub fn claimed(&self, attempt: u32) {
        let mut state = self.state();
        state.attempt = attempt;
        state.settled = state.steps.len();
    }

    fn sent(&self, steps: &[Step]) {
        let mut state = self.state();
        let final_form = steps.iter().take_while(|step| step.ended_at.is_some()).count();
        state.settled += final_form;
    }

    /// Keeps the lease and sends steps, until the attempt drops it or the lease is lost.
    pub async fn keep(self, claimed: Claimed) {
        let mut lease = Duration::from_secs(claimed.lease_secs.into());
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                () = tokio::time::sleep(lease / 3) => {}
                () = self.0.changed.notified() => tokio::time::sleep(COALESCE).await,
            }
            let steps = self.unsent();
            let steps_total = self.steps_total();
            let asked = Instant::now();
            let progress = Progress { fence: claimed.fence, steps, steps_total };
            match self.0.client.progress(self.0.task, &progress).await {
                Ok(answer) => {
                    renewed = asked;
                    lease = Duration::from_secs(answer.lease_secs.into());
                    self.sent(&progress.steps);
                    if let Some(by) = answer.cancel_by {
                        self.stop(Halt::Cancelled { by });
                    }
                }
                Err(failure) if failure.is_passing() && renewed.elapsed() < lease => {
                    warn!(%failure, "the lease could not be renewed; trying again");
                    self.0.changed.notify_one();
                }
                Err(failure) => {
                    warn!(%failure, fence = claimed.fence.0, "the lease is lost; the attempt stops at its next step");
                    self.stop(Halt::Superseded { fence: claimed.fence });
                    return;
                }
            }
        }
    }
}
