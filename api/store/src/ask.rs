//! A tenant asks for a state.

use crate::create::accepted;
use crate::journal::Request;
use crate::refusal::{Answer, Refusal, allowed};
use crate::rows::{ResourceRow, TaskRow};
use crate::settle::End;
use crate::unit::Unit;
use crate::{Store, Who};
use iaas::tenant::{Accepted, AskState};
use model::resource::Spec;
use model::task::TaskStatus;
use model::{ResourceId, ResourceType, State, TaskId, states};

/// Who asks, and in which way.
pub(crate) struct Ask {
    pub id: ResourceId,
    pub resource_type: ResourceType,
    pub who: Who,
    pub traceparent: Option<String>,
    pub dry_run: bool,
    /// Of the scrub of a snapshot: whether it takes along what stands on top of it. None leaves it as the wish says.
    pub remove_subtree: Option<bool>,
}

impl Ask {
    pub fn request(&self, from: State) -> Request {
        Request {
            by: self.who.name.clone(),
            from: Some(from),
            traceparent: self.traceparent.clone(),
            dry_run: self.dry_run,
        }
    }
}

impl Store {
    /// Moves the resource to a state that a verb works, and queues the task for it. Refused with `STATE_NOT_ALLOWED`,
    /// with the current state and the ones that may be asked for. A dry run makes a task and leaves the resource alone.
    pub async fn resource_ask<S: Spec>(
        &self,
        id: ResourceId,
        wanted: impl Into<AskState>,
        who: &Who,
        traceparent: Option<String>,
        dry_run: bool,
    ) -> Answer<Accepted<S>> {
        let AskState { state, remove_subtree } = wanted.into();
        let ask = Ask { id, resource_type: S::TYPE, who: who.clone(), traceparent, dry_run, remove_subtree };
        let pair = self.write(move |unit| Box::pin(async move { unit.ask(ask, state).await })).await?;
        accepted(pair)
    }
}

impl Unit {
    pub async fn ask(&mut self, ask: Ask, state: State) -> Answer<(ResourceRow, TaskId)> {
        let row = self.own(&ask).await?;
        self.ask_of(row, &ask, state).await
    }

    pub async fn ask_of(&mut self, mut row: ResourceRow, ask: &Ask, state: State) -> Answer<(ResourceRow, TaskId)> {
        let (kind, from) = (row.resource.kind, row.resource.state);
        let begun = self.open_task(&row).await?;
        // A task is at work in scrub_queue only when the grace period has ended: the restore stops it while it can.
        let stuck = begun.as_ref().is_some_and(|task| !is_stoppable(task));
        let may = if stuck { Vec::new() } else { allowed(kind, from, row.failed) };
        let Some(found) = states::row(kind, state).filter(|_| may.contains(&state)) else {
            return Err(Refusal::state(row.label(), from, may, state));
        };
        if state == State::Scrub
            && let Some(vm) = row.vm_id.filter(|_| row.resource_type() == ResourceType::Ceph)
            && self.resource(vm).await?.is_some_and(|vm| vm.resource.state != State::Closed)
        {
            return Err(Refusal::in_use("ceph", row.resource.id, format_args!("vm {vm}")));
        }
        let spec_before = row.resource.spec.clone();
        self.ask_removal(&mut row, ask, state).await?;
        let mut task = self.new_task(&row, found.verb, ask.request(from)).await?;
        if ask.dry_run {
            task.dry_spec = Some(std::mem::replace(&mut row.resource.spec, spec_before));
            self.queue(&mut task, &row, None);
        } else {
            task.spec_before = Some(spec_before).filter(|before| *before != row.resource.spec);
            if let Some(begun) = begun {
                self.close_task(begun, End::Cancelled(None), &row);
            }
            row.resource.task_id = Some(task.task.id);
            row.scrub_due_at = None;
            self.shift(&mut row, state, &ask.who.name, Some(&task.task)).await?;
            self.queue(&mut task, &row, None);
            self.put_resource(row.clone());
        }
        let id = task.task.id;
        self.put_task(task);
        Ok((row, id))
    }

    /// The resource, when it is of this type and the asker may see it.
    pub async fn own(&mut self, ask: &Ask) -> Answer<ResourceRow> {
        let missing = || Refusal::not_yours(ask.resource_type, ask.id);
        let row = self.resource(ask.id).await?.filter(|row| row.resource_type() == ask.resource_type);
        let row = row.ok_or_else(missing)?;
        ask.who.sees(row.resource.project_id, ask.resource_type, ask.id)?;
        Ok(row)
    }

    /// The resource's task while it has not ended.
    pub async fn open_task(&mut self, row: &ResourceRow) -> Answer<Option<TaskRow>> {
        match row.resource.task_id {
            Some(id) => Ok(self.task(id).await?.filter(|task| !task.task.status.has_ended())),
            None => Ok(None),
        }
    }
}

fn is_stoppable(task: &TaskRow) -> bool {
    task.is_untouched() && task.task.status != TaskStatus::Running
}
