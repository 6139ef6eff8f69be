//! The end of a task, and what it makes of its resource.

use crate::limits::later;
use crate::refusal::{Answer, Refusal};
use crate::rows::{ResourceRow, TaskRow};
use crate::unit::Unit;
use crate::wish::Wish;
use crate::{Store, Who};
use errors::{Fault, driver};
use iaas::fleet::{Outcome, Settle};
use model::event::EventKind;
use model::server::Capacity;
use model::task::{ErrorRecord, Plan, TaskStatus};
use model::{ResourceType, State, TaskId, states};

/// How a task ends.
#[derive(Debug)]
pub(crate) enum End {
    Succeeded,
    Failed(ErrorRecord),
    /// Without an error when no attempt has changed anything: all is as it was before the task.
    Cancelled(Option<ErrorRecord>),
    Planned(Plan),
}

impl From<Outcome> for End {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Succeeded => Self::Succeeded,
            Outcome::Failed { error } => Self::Failed(error),
            Outcome::Cancelled { error, .. } => Self::Cancelled(Some(error)),
            Outcome::Planned { plan } => Self::Planned(plan),
        }
    }
}

impl End {
    fn status(&self) -> TaskStatus {
        match self {
            Self::Succeeded | Self::Planned(_) => TaskStatus::Succeeded,
            Self::Failed(_) => TaskStatus::Failed,
            Self::Cancelled(_) => TaskStatus::Cancelled,
        }
    }
}

impl Store {
    /// Ends the task and moves its resource as the state table says. The same settle again answers alike, so that a lost
    /// answer does no harm. Refused with `FENCE_REFUSED` when the attempt was superseded, and with `CLAIM_REFUSED` when
    /// it has no fence and the task is being worked, or when it claims a success that no attempt had.
    pub async fn task_settle(&self, id: TaskId, settle: Settle, who: &Who) -> Answer<()> {
        let who = who.clone();
        self.write(move |unit| Box::pin(async move { unit.settle(id, settle, &who).await })).await
    }
}

impl Unit {
    async fn settle(&mut self, id: TaskId, settle: Settle, who: &Who) -> Answer<()> {
        let Settle { fence, worker, outcome, facts, steps, steps_total } = settle;
        let (mut row, mut resource) = self.pair(id).await?;
        who.serves(&row.task.host)?;
        let untouched = matches!(outcome, Outcome::Cancelled { untouched: true, .. });
        let mut end = End::from(outcome);
        let status = row.task.status;
        let refused = || match fence {
            Some(fence) => Refusal::fence(id, fence),
            None => Refusal::claim(id, status),
        };
        if status.has_ended() {
            let again = status == end.status() && fence.is_none_or(|fence| fence == row.task.fence);
            return if again { Ok(()) } else { Err(refused()) };
        }
        let may = match fence {
            Some(fence) => status == TaskStatus::Running && fence == row.task.fence,
            None => status != TaskStatus::Running,
        };
        if !may {
            return Err(refused());
        }
        let fits = match &end {
            End::Planned(_) => row.task.dry_run,
            End::Succeeded => fence.is_some() || row.task.dry_run,
            End::Failed(_) | End::Cancelled(_) => true,
        };
        if !fits {
            let how = if row.task.dry_run { "a dry run" } else { "not a dry run, and no attempt has begun" };
            return Err(Refusal::claim(id, how));
        }
        self.keep_steps(&mut row, steps, steps_total);
        if let End::Cancelled(error) = &mut end
            && untouched
            && !row.has_touched()
        {
            *error = None;
        }
        if fence.is_some() && !row.task.dry_run {
            resource.resource.facts.extend(facts);
            resource.resource.facts.retain(|_, fact| !fact.is_null());
        }
        self.end(row, resource, end, &worker).await
    }

    /// Ends a task: its resource first, then itself.
    pub async fn end(&mut self, row: TaskRow, mut resource: ResourceRow, end: End, by: &str) -> Answer<()> {
        if row.looks {
            return self.end_check(row, resource, end).await;
        }
        if row.task.dry_run || resource.resource.task_id != Some(row.task.id) {
            self.close_task(row, end, &resource);
            return Ok(());
        }
        let found = row.row()?;
        let into = match &end {
            End::Succeeded | End::Planned(_) => found.into,
            End::Failed(_) | End::Cancelled(Some(_)) => State::Unresourced,
            End::Cancelled(None) => states::cancel_into(row.task.asked_from),
        };
        match &end {
            End::Failed(error) | End::Cancelled(Some(error)) => {
                resource.resource.error = Some(error.clone());
                resource.failed = Some(found.verb);
            }
            End::Succeeded | End::Planned(_) => {
                resource.resource.error = None;
                resource.failed = None;
                resource.resource.drift = None;
                resource.checked_at = self.now;
            }
            End::Cancelled(None) => {
                if let Some(before) = row.spec_before.clone() {
                    let undone = std::mem::replace(&mut resource.resource.spec, before);
                    self.tell_router_of(&resource, &undone, by).await?;
                }
            }
        }
        let wish = Wish::from_text(resource.resource_type(), &resource.resource.spec)?;
        if into != State::Unresourced {
            resource.vm_id = wish.vm();
        }
        if !resource.is_standby() {
            resource.pair_id = wish.pair().map(|_| resource.resource.id);
        }
        if resource.resource_type() == ResourceType::Snapshot && matches!(end, End::Succeeded) {
            self.settle_snapshot(&mut resource, found.verb, by).await?;
        }
        self.reckon(&mut resource, into)?;
        resource.scrub_due_at = match into {
            // It goes when its router does.
            State::ScrubQueue if resource.is_standby() => None,
            State::ScrubQueue => Some(self.grace_end(&resource).await?),
            _ => self.expiry(&resource, into)?,
        };
        self.shift(&mut resource, into, by, Some(&row.task)).await?;
        self.close_task(row, end, &resource);
        let (project, id, is_standby) = (resource.resource.project_id, resource.resource.id, resource.is_standby());
        match into {
            State::Running if resource.stale => drop(self.make_as_wished(resource, by).await?),
            _ => self.put_resource(resource),
        }
        // What has just failed is not tried again by itself, unless the failure is its router's.
        if !(is_standby && into == State::Unresourced) {
            self.follow(id, false).await?;
        }
        match into {
            State::Closed => self.tell_router(project, wish.nics(), by).await,
            _ => Ok(()),
        }
    }

    /// The task alone.
    pub fn close_task(&mut self, mut row: TaskRow, end: End, resource: &ResourceRow) {
        let task = &mut row.task;
        task.status = end.status();
        task.ended_at = Some(self.now);
        task.waiting_for = None;
        task.lease_until = None;
        match end {
            End::Failed(error) | End::Cancelled(Some(error)) => task.error = Some(error),
            End::Planned(plan) => task.plan = Some(plan),
            End::Succeeded | End::Cancelled(None) => {}
        }
        let note = task.error.as_ref().map(|error| error.code.clone());
        let note = note.unwrap_or_else(|| task.status.word().to_owned());
        self.event(EventKind::TaskEnded, resource, Some(&row.task), Some(note));
        self.put_task(row);
    }

    /// A closed resource gives its room back; one that came to rest holds what its wish takes. One that failed may still
    /// stand as it was or as it was to be, so it keeps what it has.
    fn reckon(&mut self, resource: &mut ResourceRow, into: State) -> Answer<()> {
        let next = match into {
            State::Closed => Capacity::default(),
            State::Unresourced => resource.took,
            _ => Wish::from_text(resource.resource_type(), &resource.resource.spec)?.takes(),
        };
        self.exchange(resource.resource.server_id, resource.took, next);
        resource.took = next;
        Ok(())
    }

    async fn grace_end(&mut self, resource: &ResourceRow) -> Answer<model::Moment> {
        let project = self.project(resource.resource.project_id).await?;
        let hours = project.map_or(0, |project| project.spec.grace_hours);
        Ok(later(self.now, i64::from(hours) * 3600))
    }

    /// Ends a task that is now cancelled, while no attempt works on it.
    pub async fn end_cancelled(&mut self, row: TaskRow, resource: ResourceRow, by: &str) -> Answer<()> {
        if !row.has_touched() {
            return self.end(row, resource, End::Cancelled(None), by).await;
        }
        let step = self.last_step(&row).await?;
        let fault = Fault::new(&driver::CANCELLED).hole("by", by).hole("step", &step);
        let error = record(&fault, &row, Some(step));
        self.end(row, resource, End::Cancelled(Some(error)), by).await
    }
}

/// A driver's fault that the store raises for a task.
pub(crate) fn record(fault: &Fault, row: &TaskRow, step: Option<String>) -> ErrorRecord {
    let error = ErrorRecord::of(fault, Some((row.task.kind, row.task.verb)), Some(&row.task.host));
    ErrorRecord { step, ..error }
}
