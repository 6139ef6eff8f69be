//! Tasks. Their steps stand in a table of their own.

use crate::limits::later;
use crate::record::{Clash, Line, Reader, Record, Table};
use crate::refusal::Refusal;
use model::task::{Task, Waiting};
use model::{EventSeq, Fence, Moment, ProjectId, ResourceId, ServerId, State, TaskId, Verb, states};

#[derive(Clone, Debug)]
pub(crate) struct TaskRow {
    /// Without its steps.
    pub task: Task,
    /// The wish that a dry run tries.
    pub dry_spec: Option<String>,
    /// The wish before this task's change, for when it is cancelled before any attempt.
    pub spec_before: Option<String>,
    /// When the sweep looks at it next; none when it has ended. See [`TaskRow::set_due`].
    pub due_at: Option<Moment>,
    /// The event that queued it last.
    pub queued_seq: EventSeq,
    pub queued_at: Moment,
    /// How often it was handed out since it was last moved.
    pub handed_out: u32,
    /// Whether any step was reported.
    pub has_steps: bool,
    /// The reason of its last wait, and since when it has been that: one that goes on through several tries is one wait.
    pub waited: Option<(String, Moment)>,
    /// A dry run of an update that changes nothing: a look at drift.
    pub looks: bool,
    /// Whether an attempt that has ended, and told so, changed something on its host.
    pub touched: bool,
}

impl TaskRow {
    /// The resource whose next state at rest wakes it.
    pub fn waits_for(&self) -> Option<ResourceId> {
        self.task.waiting_for.as_ref().and_then(|waiting| waiting.resource_id)
    }

    /// No attempt has begun.
    pub fn is_untouched(&self) -> bool {
        self.task.attempts == 0
    }

    /// Whether an attempt may have changed something on its host: of one whose worker was lost nobody knows.
    pub fn has_touched(&self) -> bool {
        self.touched || self.task.lost > 0
    }

    /// The row of the state table that it carries out; each stored task has one.
    pub fn row(&self) -> Result<&'static states::Row, Refusal> {
        let Task { id, kind, verb, .. } = self.task;
        states::row_of_verb(kind, verb)
            .ok_or_else(|| Refusal::unexpected(format_args!("task {id} has no row in the state table: {kind} {verb}")))
    }

    /// One timer for each task, whatever it is that comes next: the lease, the slow timer behind a wait, the next time
    /// that it is handed out, or the deadline.
    pub fn set_due(&mut self, requeue_secs: u32, requeue_most_secs: u32) {
        let task = &self.task;
        let next = match task.status {
            model::task::TaskStatus::Running => task.lease_until,
            model::task::TaskStatus::Waiting => task.waiting_for.as_ref().map(|waiting| waiting.until),
            model::task::TaskStatus::Queued => {
                let pause = requeue_secs.saturating_mul(self.handed_out + 1).min(requeue_most_secs);
                Some(later(self.queued_at, pause))
            }
            model::task::TaskStatus::Succeeded
            | model::task::TaskStatus::Failed
            | model::task::TaskStatus::Cancelled => None,
        };
        self.due_at = next.map(|at| if self.is_untouched() { at.min(task.deadline_at) } else { at });
    }
}

impl Record for TaskRow {
    const TABLE: Table = Table {
        name: "tasks",
        keys: 1,
        columns: &[
            "id",
            "resource_id",
            "project_id",
            "kind",
            "verb",
            "server_id",
            "host",
            "status",
            "attempts",
            "faults",
            "lost",
            "fence",
            "worker",
            "lease_until",
            "steps_total",
            "error",
            "dry_run",
            "plan",
            "cancel_by",
            "asked_by",
            "asked_from",
            "traceparent",
            "requested_at",
            "started_at",
            "ended_at",
            "deadline_at",
            "dry_spec",
            "spec_before",
            "due_at",
            "queued_seq",
            "queued_at",
            "handed_out",
            "has_steps",
            "wait_reason",
            "wait_since",
            "wait_resource_id",
            "wait_until",
            "looks",
            "touched",
        ],
        clash: Clash::Replace,
    };

    fn write(&self, line: &mut Line) {
        let task = &self.task;
        let waiting = task.waiting_for.as_ref();
        line.int(task.id.0);
        line.int(task.resource_id.0);
        line.int(task.project_id.0);
        line.text(task.kind.word());
        line.text(task.verb.word());
        line.int(task.server_id.0);
        line.text(&task.host);
        line.text(task.status.word());
        line.int(task.attempts);
        line.int(task.faults);
        line.int(task.lost);
        line.int(task.fence.0);
        line.maybe_text(task.worker.as_deref());
        line.maybe_moment(task.lease_until);
        line.maybe_int(task.steps_total.map(i64::from));
        line.maybe_json(task.error.as_ref());
        line.int(task.dry_run);
        line.maybe_json(task.plan.as_ref());
        line.maybe_text(task.cancel_by.as_deref());
        line.text(&task.asked_by);
        line.maybe_text(task.asked_from.map(State::word));
        line.maybe_text(task.traceparent.as_deref());
        line.moment(task.requested_at);
        line.maybe_moment(task.started_at);
        line.maybe_moment(task.ended_at);
        line.moment(task.deadline_at);
        line.maybe_text(self.dry_spec.as_deref());
        line.maybe_text(self.spec_before.as_deref());
        line.maybe_moment(self.due_at);
        line.int(self.queued_seq.0);
        line.moment(self.queued_at);
        line.int(self.handed_out);
        line.int(self.has_steps);
        line.maybe_text(self.waited.as_ref().map(|(reason, _)| reason.as_str()));
        line.maybe_moment(self.waited.as_ref().map(|(_, since)| *since));
        line.maybe_int(waiting.and_then(|waiting| waiting.resource_id).map(|id| id.0));
        line.maybe_moment(waiting.map(|waiting| waiting.until));
        line.int(self.looks);
        line.int(self.touched);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Refusal> {
        let task = Task {
            id: TaskId(from.int()?),
            resource_id: ResourceId(from.int()?),
            project_id: ProjectId(from.int()?),
            kind: from.word()?,
            verb: from.word::<Verb>()?,
            server_id: ServerId(from.int()?),
            host: from.text()?,
            status: from.word()?,
            attempts: from.small()?,
            faults: from.small()?,
            lost: from.small()?,
            fence: Fence(from.int()?),
            worker: from.maybe_text()?,
            lease_until: from.maybe_moment()?,
            waiting_for: None,
            steps_total: from.maybe_int()?.and_then(|count| u32::try_from(count).ok()),
            steps: Vec::new(),
            error: from.maybe_json()?,
            dry_run: from.flag()?,
            plan: from.maybe_json()?,
            cancel_by: from.maybe_text()?,
            asked_by: from.text()?,
            asked_from: from.maybe_word()?,
            traceparent: from.maybe_text()?,
            requested_at: from.moment()?,
            started_at: from.maybe_moment()?,
            ended_at: from.maybe_moment()?,
            deadline_at: from.moment()?,
        };
        let mut row = Self {
            task,
            dry_spec: from.maybe_text()?,
            spec_before: from.maybe_text()?,
            due_at: from.maybe_moment()?,
            queued_seq: EventSeq(from.int()?),
            queued_at: from.moment()?,
            handed_out: from.small()?,
            has_steps: from.flag()?,
            waited: from.maybe_text()?.zip(from.maybe_moment()?),
            looks: false,
            touched: false,
        };
        let resource_id = from.maybe_int()?.map(ResourceId);
        if let (Some((reason, since)), Some(until)) = (row.waited.clone(), from.maybe_moment()?) {
            row.task.waiting_for = Some(Waiting { reason, resource_id, since, until });
        }
        row.looks = from.flag()?;
        row.touched = from.flag()?;
        Ok(row)
    }
}
