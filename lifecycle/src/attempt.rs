//! One worker's try at a task, from the message to the settled state.

use crate::context::{Context, Parts};
use crate::driver::Prerequisite;
use crate::report::{Halt, Report};
use crate::settle;
use errors::Fault;
use futures::FutureExt;
use futures::future::BoxFuture;
use hosts::Host;
use iaas::fleet::{Assignment, Claim};
use model::lock::LockName;
use model::resource::{Resource, Spec};
use model::states;
use model::task::{StepOutcome, Task, TaskStatus};
use model::{ResourceId, TaskId, Verb, names};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info, info_span, warn};

/// How long prerequisites may look.
const LOOK_LIMIT: Duration = Duration::from_secs(60);

/// How long an attempt holds its place while it waits for its locks; then the task waits instead, and frees the slot.
const LOCK_WAIT: Duration = Duration::from_secs(30);

/// How long a host remembers a fence after it has risen last: longer than any attempt can have been paused.
const FENCES_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// All that an attempt needs.
pub struct Work {
    pub client: iaas::Client,
    pub locks: locks::Client,
    pub host: Arc<dyn Host>,
    /// The worker's name.
    pub worker: String,
    pub assignment: Assignment,
    /// Takes the message off the queue; done as soon as the API has the claim.
    pub acknowledge: BoxFuture<'static, ()>,
    /// The worker is shutting down: hand over at the next step boundary.
    pub shutdown: CancellationToken,
    /// A program that is told of each task that fails; nobody when empty.
    pub notify: Arc<[String]>,
    /// Called at each step boundary; none outside tests.
    pub hook: Option<Hook>,
}

/// A verb's second function: may look, may not touch. Every `async fn` of its form is one.
pub trait Prerequisites<'a, S, P>: Send + Sync {
    fn look(&self, cx: &'a Context, resource: &'a Resource<S>) -> BoxFuture<'a, Result<Prerequisite<P>, Fault>>;
}

impl<'a, S: 'a, P, F, L> Prerequisites<'a, S, P> for F
where
    F: Fn(&'a Context, &'a Resource<S>) -> L + Send + Sync,
    L: Future<Output = Result<Prerequisite<P>, Fault>> + Send + 'a,
{
    fn look(&self, cx: &'a Context, resource: &'a Resource<S>) -> BoxFuture<'a, Result<Prerequisite<P>, Fault>> {
        Box::pin(self(cx, resource))
    }
}

/// A verb's third function: its steps, carried out with what the second one found.
pub trait Execute<'a, S, P>: Send + Sync {
    fn work(&self, cx: &'a Context, resource: &'a Resource<S>, plan: P) -> BoxFuture<'a, Result<(), Fault>>;
}

impl<'a, S: 'a, P, F, W> Execute<'a, S, P> for F
where
    F: Fn(&'a Context, &'a Resource<S>, P) -> W + Send + Sync,
    W: Future<Output = Result<(), Fault>> + Send + 'a,
{
    fn work(&self, cx: &'a Context, resource: &'a Resource<S>, plan: P) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(self(cx, resource, plan))
    }
}

/// Called at each boundary of a step: a test's way to fail or stop an attempt just there.
pub type Hook = Arc<dyn Fn(Boundary) -> BoxFuture<'static, Result<(), Fault>> + Send + Sync>;

/// A place in an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundary {
    pub resource: ResourceId,
    pub task: TaskId,
    pub verb: Verb,
    /// 1 for the first.
    pub attempt: u32,
    /// Of the step, 1 for the first.
    pub step: u32,
    pub side: Side,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Before the step looks.
    Before,
    /// After it acted, before it looks again.
    After,
}

/// Takes one task down the road. Everything that goes wrong is settled, logged and counted in here.
pub async fn attempt<S: Spec, P: Send>(
    work: Work,
    prerequisites: impl for<'a> Prerequisites<'a, S, P>,
    execute: impl for<'a> Execute<'a, S, P>,
) {
    let Work { client, locks, host, worker, assignment, acknowledge, shutdown, notify, hook } = work;
    let task = &assignment.task;
    if task.status != TaskStatus::Queued {
        info!(status = %task.status, "the task is not queued any more; the message is dropped");
        return acknowledge.await;
    }
    let report = Report::new(client.clone(), task.id, task.attempts + 1, shutdown);
    let desk = settle::Desk::new(client.clone(), worker.clone(), notify, &assignment, report.clone());
    let resource = match decode::<S>(&assignment) {
        Ok(resource) => resource,
        Err(fault) => {
            desk.refused(fault).await;
            return acknowledge.await;
        }
    };
    if let Err(fault) = expected(task, &assignment.resource) {
        desk.refused(fault).await;
        return acknowledge.await;
    }
    let owner = locks::Owner {
        task: task.id,
        attempt: task.attempts + 1,
        worker: worker.clone(),
        host: host.name().to_owned(),
        step: String::new(),
    };
    let version = assignment.resource.version;
    let storage = assignment.server.spec.settings.storage.clone();
    let parts = Parts { assignment, host: host.clone(), locks, owner, report: report.clone(), hook };
    let mut cx = Context::new(parts);

    let plan = match look(&cx, &resource, &report, prerequisites).await {
        Ok(Prerequisite::Ready(plan)) => plan,
        Ok(Prerequisite::Wait { reason, resource }) => {
            desk.wait(None, reason, resource, settle::SLOW_TIMER_SECS, None).await;
            return acknowledge.await;
        }
        Ok(Prerequisite::Refuse(fault)) => {
            desk.refused(fault).await;
            return acknowledge.await;
        }
        Err(fault) => {
            desk.unfit(None, fault).await;
            return acknowledge.await;
        }
    };

    let claim = Claim { worker, version, steps: report.unsent() };
    let claimed = match client.claim(desk.task(), &claim).instrument(info_span!("claim")).await {
        Ok(claimed) => claimed,
        Err(failure) => {
            // Another worker has it, or the API is away: the sweep dispatches again what nobody has claimed.
            info!(%failure, "not claimed; the message is dropped");
            return acknowledge.await;
        }
    };
    acknowledge.await;
    report.claimed(claimed.attempt);
    cx.fence = claimed.fence;
    cx.owner.attempt = claimed.attempt;
    desk.began(claimed);
    info!(attempt = claimed.attempt, fence = claimed.fence.0, "claimed");

    let keeper = Keeper(tokio::spawn(report.clone().keep(claimed).in_current_span()));
    let result = under_locks(&cx, &resource, &report, execute, plan).await;
    drop(keeper);
    let outcome = match &cx.plan {
        Some(found) => result.map(|()| Some(found.lock().unwrap_or_else(PoisonError::into_inner).clone())),
        None => result.map(|()| None),
    };
    let closed = desk.conclude(claimed, outcome).await;
    drop(cx);
    if closed && let Err(error) = host.prune(&names::fence_folder(&storage), FENCES_KEPT).await {
        warn!(%error, "old fences stay on the host");
    }
}

/// Ends the renewals with the attempt, however it ends.
struct Keeper(tokio::task::JoinHandle<()>);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn decode<S: Spec>(assignment: &Assignment) -> Result<Resource<S>, Fault> {
    let resource = &assignment.resource;
    match serde_json::from_value::<S>(resource.spec.clone()) {
        Ok(spec) => Ok(resource.clone().with(spec)),
        Err(error) => Err(Fault::new(&errors::driver::SPEC_UNREADABLE)
            .hole("resource", resource.label())
            .hole("reason", format!("line {}, column {}", error.line(), error.column()))),
    }
}

/// The verb works a resource from where it finds it, or carries on an attempt that was lost on the way.
fn expected(task: &Task, resource: &Resource<serde_json::Value>) -> Result<(), Fault> {
    let row = states::row_of_verb(task.kind, task.verb);
    if task.dry_run || row.is_some_and(|row| [row.found, row.through].contains(&resource.state)) {
        return Ok(());
    }
    Err(Fault::new(&errors::driver::NOT_EXPECTED_STATE)
        .hole("resource", resource.label())
        .hole("state", resource.state)
        .hole("verb", task.verb)
        .hole("expected", row.map_or("nowhere", |row| row.found.word())))
}

async fn look<S: Spec, P>(
    cx: &Context,
    resource: &Resource<S>,
    report: &Report,
    prerequisites: impl for<'a> Prerequisites<'a, S, P>,
) -> Result<Prerequisite<P>, Fault> {
    report.begin(0, "prerequisites");
    let looked = guarded(prerequisites.look(cx, resource)).instrument(info_span!("prerequisites"));
    let result = tokio::time::timeout(LOOK_LIMIT, looked).await.unwrap_or_else(|_| {
        Err(Fault::new(&errors::driver::STEP_DEADLINE)
            .hole("step", "prerequisites")
            .hole("deadline_secs", LOOK_LIMIT.as_secs()))
    });
    report.end(if result.is_ok() { StepOutcome::Done } else { StepOutcome::Failed });
    result
}

/// Takes the attempt's lock, runs the verb, and gives the lock back.
async fn under_locks<S: Spec, P>(
    cx: &Context,
    resource: &Resource<S>,
    report: &Report,
    execute: impl for<'a> Execute<'a, S, P>,
    plan: P,
) -> Result<(), Fault> {
    let own = Some(resource.id).into_iter().chain(cx.vm().ok().map(|vm| vm.id));
    let mut wanted: Vec<_> = own.map(|id| LockName::Resource { id }).collect();
    wanted.sort();
    if let Some(found) = &cx.plan {
        found.lock().unwrap_or_else(PoisonError::into_inner).locks = wanted.iter().map(ToString::to_string).collect();
        return guarded(execute.work(cx, resource, plan)).await;
    }
    report.begin(0, "locks");
    let held = tokio::select! {
        held = cx.locks.acquire(&wanted, cx.owner.clone(), LOCK_WAIT) => held,
        // Dropped, it leaves the line.
        fault = cx.stops("locks") => Err(fault),
    };
    report.end(if held.is_ok() { StepOutcome::Done } else { StepOutcome::Failed });
    let held = held?;
    cx.act_under(&wanted, &held);
    let lost = held.lost();
    // Set once: an attempt takes its lock once.
    let _ = cx.sign.set(held.sign());
    let watch = Keeper(tokio::spawn({
        let report = report.clone();
        let lock = wanted.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        async move {
            lost.cancelled().await;
            report.stop(Halt::LockLost { lock });
        }
    }));
    let result = guarded(execute.work(cx, resource, plan)).await;
    drop(watch);
    held.release().await;
    result
}

/// A panic of a verb is a fault like any other.
async fn guarded<T>(verb: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    AssertUnwindSafe(verb).catch_unwind().await.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned());
        Err(Fault::new(&errors::driver::PANIC).hole("panic", text))
    })
}
