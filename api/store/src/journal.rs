//! What operations do to records: each change of a state leaves its history, its event and its wake-ups here, and nowhere else.

use crate::limits::later;
use crate::record::{Line, Record};
use crate::refusal::{Answer, Refusal};
use crate::rows::{ResourceRow, ServerRow, TaskRow, Told};
use crate::unit::Unit;
use model::event::{Event, EventKind};
use model::history::HistoryRecord;
use model::image::Image;
use model::project::Project;
use model::server::Capacity;
use model::task::{ErrorRecord, Task, TaskStatus};
use model::{EventSeq, Fence, ImageId, ProjectId, ResourceId, ResourceType, ServerId, State, TaskId, Verb, Version};

const WAITED: &str = "SELECT DISTINCT wait_resource_id FROM tasks WHERE wait_resource_id IS NOT NULL";
pub(crate) const WAITS: &str = "SELECT id FROM tasks WHERE wait_resource_id = $1";

/// Who asked for a task, and how.
pub(crate) struct Request {
    pub by: String,
    pub from: Option<State>,
    pub traceparent: Option<String>,
    pub dry_run: bool,
}

impl Unit {
    pub async fn resource(&mut self, id: ResourceId) -> Answer<Option<ResourceRow>> {
        if self.resources.get(&id).is_none()
            && let Some(row) = self.find::<ResourceRow>(id.0).await?
        {
            self.resources.hold(id, row);
        }
        Ok(self.resources.get(&id).cloned())
    }

    pub async fn task(&mut self, id: TaskId) -> Answer<Option<TaskRow>> {
        if self.tasks.get(&id).is_none()
            && let Some(row) = self.find::<TaskRow>(id.0).await?
        {
            self.tasks.hold(id, row);
        }
        Ok(self.tasks.get(&id).cloned())
    }

    /// A task and its resource; each stored task has one.
    pub async fn pair(&mut self, id: TaskId) -> Answer<(TaskRow, ResourceRow)> {
        let task = self.task(id).await?.ok_or_else(|| Refusal::not_found("task", id))?;
        let resource = self.resource_of(&task).await?;
        Ok((task, resource))
    }

    pub async fn resource_of(&mut self, task: &TaskRow) -> Answer<ResourceRow> {
        let id = task.task.resource_id;
        self.resource(id).await?.ok_or_else(|| Refusal::unexpected(format_args!("resource {id} of a task is missing")))
    }

    pub async fn project(&mut self, id: ProjectId) -> Answer<Option<Project>> {
        if self.projects.get(&id).is_none()
            && let Some(row) = self.find::<Project>(id.0).await?
        {
            self.projects.hold(id, row);
        }
        Ok(self.projects.get(&id).cloned())
    }

    pub async fn image(&mut self, id: ImageId) -> Answer<Option<Image>> {
        if self.images.get(&id).is_none()
            && let Some(row) = self.find::<Image>(id.0).await?
        {
            self.images.hold(id, row);
        }
        Ok(self.images.get(&id).cloned())
    }

    pub async fn find<R: Record>(&mut self, id: i64) -> Answer<Option<R>> {
        let mut line = Line::default();
        line.int(id);
        Ok(self.select("WHERE t.id = $1", line).await?.pop())
    }

    pub fn put_server(&mut self, mut row: ServerRow) {
        row.touched = self.counters.writer;
        self.servers.put(row.server.id, row);
    }

    pub fn put_resource(&mut self, row: ResourceRow) {
        let (kind, state) = (row.resource.kind, row.resource.state);
        let before = self.resources.get(&row.resource.id).map(|old| old.resource.state);
        if before != Some(state) {
            self.tallies.extend(before.map(|old| ("resource", kind, old.word(), -1)));
            self.tallies.push(("resource", kind, state.word(), 1));
        }
        self.resources.put(row.resource.id, row);
    }

    pub fn put_task(&mut self, mut row: TaskRow) {
        row.set_due(self.limits.requeue_secs, self.limits.requeue_most_secs);
        let (kind, status) = (row.task.kind, row.task.status);
        let before = self.tasks.get(&row.task.id).map(|old| old.task.status);
        if before != Some(status) {
            self.tallies.extend(before.map(|old| ("task", kind, old.word(), -1)));
            self.tallies.push(("task", kind, status.word(), 1));
        }
        if let (Some(waited), Some(resource)) = (&mut self.waited, row.waits_for()) {
            waited.insert(resource);
        }
        self.tasks.put(row.task.id, row);
    }

    /// Exchanges what a resource has claimed of its server. Whether it fits was asked before.
    pub fn exchange(&mut self, server: ServerId, was: Capacity, next: Capacity) {
        if was != next
            && let Some(mut row) = self.servers.get(&server).cloned()
        {
            let used = &mut row.server.used;
            used.cores = used.cores.saturating_sub(was.cores).saturating_add(next.cores);
            used.ram_mb = used.ram_mb.saturating_sub(was.ram_mb).saturating_add(next.ram_mb);
            used.gb = used.gb.saturating_sub(was.gb).saturating_add(next.gb);
            self.put_server(row);
        }
    }

    pub fn event(
        &mut self,
        event: EventKind,
        row: &ResourceRow,
        task: Option<&Task>,
        note: Option<String>,
    ) -> EventSeq {
        self.counters.event += 1;
        let seq = EventSeq(self.counters.event);
        let resource = &row.resource;
        self.events.push(Event {
            seq,
            at: self.now,
            event,
            project_id: resource.project_id,
            resource_id: resource.id,
            kind: resource.kind,
            state: resource.state,
            task_id: task.map(|task| task.id),
            verb: task.map(|task| task.verb),
            host: task.map_or(&resource.host, |task| &task.host).clone(),
            note,
            traceparent: task.and_then(|task| task.traceparent.clone()),
        });
        seq
    }

    /// The resource goes into a state: version, history, event, and the end of the waits for it.
    pub async fn shift(&mut self, row: &mut ResourceRow, into: State, by: &str, task: Option<&Task>) -> Answer<()> {
        let from = row.resource.state;
        self.begin_in(row, Some(from), into, by, task);
        if into.is_stable() {
            self.wake(row.resource.id).await?;
        }
        Ok(())
    }

    /// As [`Unit::shift`], also for a resource that is new and comes from nowhere.
    pub fn begin_in(&mut self, row: &mut ResourceRow, from: Option<State>, into: State, by: &str, task: Option<&Task>) {
        row.resource.state = into;
        row.resource.version = Version(row.resource.version.0 + 1);
        row.resource.updated_at = self.now;
        let error = row.resource.error.clone().filter(|_| into == State::Unresourced);
        let note = error.as_ref().map(|error: &ErrorRecord| error.code.clone());
        row.changed_seq = self.event(EventKind::ResourceChanged, row, task, note);
        self.counters.history += 1;
        let record = HistoryRecord {
            resource_id: row.resource.id,
            at: self.now,
            from,
            into,
            by: by.to_owned(),
            task_id: task.map(|task| task.id),
            verb: task.map(|task| task.verb),
            error,
        };
        self.history.push(Told { id: self.counters.history, record });
    }

    /// Queues the tasks that wait for this resource.
    async fn wake(&mut self, id: ResourceId) -> Answer<()> {
        if !self.may_be_waited_for(id).await? {
            return Ok(());
        }
        let mut line = Line::default();
        line.int(id.0);
        let mut ids = self.numbers(WAITS, line).await?;
        ids.extend(self.tasks.unstored().map(|row| row.task.id.0));
        ids.sort_unstable();
        ids.dedup();
        for task in ids {
            let Some(mut task) = self.task(TaskId(task)).await? else { continue };
            let waits = task.task.waiting_for.as_ref().is_some_and(|waiting| waiting.resource_id == Some(id));
            if waits && task.task.status == TaskStatus::Waiting {
                let resource = self.resource_of(&task).await?;
                self.queue(&mut task, &resource, None);
                self.put_task(task);
            }
        }
        Ok(())
    }

    /// Whether the database is worth asking who waits for this resource: for most nobody does.
    async fn may_be_waited_for(&mut self, id: ResourceId) -> Answer<bool> {
        let waited = match self.waited.take() {
            Some(waited) => waited,
            None => {
                let stored = self.numbers(WAITED, Line::default()).await?;
                let unstored = self.tasks.unstored().filter_map(TaskRow::waits_for);
                stored.into_iter().map(ResourceId).chain(unstored).collect()
            }
        };
        Ok(self.waited.insert(waited).contains(&id))
    }

    /// A worker may claim the task from now on.
    pub fn queue(&mut self, row: &mut TaskRow, resource: &ResourceRow, note: Option<String>) {
        row.task.status = TaskStatus::Queued;
        row.task.waiting_for = None;
        row.task.lease_until = None;
        row.handed_out = 0;
        self.hand_out(row, resource, note);
    }

    /// The event that a dispatcher takes.
    pub fn hand_out(&mut self, row: &mut TaskRow, resource: &ResourceRow, note: Option<String>) {
        row.queued_at = self.now;
        row.queued_seq = self.event(EventKind::TaskQueued, resource, Some(&row.task), note);
    }

    /// A new task for a verb, not queued yet: the state that it stands for comes first.
    pub async fn new_task(&mut self, row: &ResourceRow, verb: Verb, request: Request) -> Answer<TaskRow> {
        let (server_id, host) = self.place_of(row, verb).await?;
        self.counters.task += 1;
        let resource = &row.resource;
        let task = Task {
            id: TaskId(self.counters.task),
            resource_id: resource.id,
            project_id: resource.project_id,
            kind: resource.kind,
            verb,
            server_id,
            host,
            status: TaskStatus::Queued,
            attempts: 0,
            faults: 0,
            lost: 0,
            fence: Fence(0),
            worker: None,
            lease_until: None,
            waiting_for: None,
            steps_total: None,
            steps: Vec::new(),
            error: None,
            dry_run: request.dry_run,
            plan: None,
            cancel_by: None,
            asked_by: request.by,
            asked_from: request.from,
            traceparent: request.traceparent,
            requested_at: self.now,
            started_at: None,
            ended_at: None,
            deadline_at: later(self.now, self.limits.queue_deadline_secs),
        };
        Ok(TaskRow {
            task,
            dry_spec: None,
            spec_before: None,
            due_at: None,
            queued_seq: EventSeq(0),
            queued_at: self.now,
            handed_out: 0,
            has_steps: false,
            waited: None,
            looks: false,
            touched: false,
        })
    }

    /// Where a verb is carried out: an update of a volume that is, was or will be attached, where its VM stands.
    async fn place_of(&mut self, row: &ResourceRow, verb: Verb) -> Answer<(ServerId, String)> {
        let updates = matches!(verb, Verb::Updaterunning | Verb::Updatequiesced);
        let vm = row.vm_id.filter(|_| updates && row.resource_type() == ResourceType::Ceph);
        let beside = match vm {
            Some(vm) => self.resource(vm).await?,
            None => None,
        };
        let resource = beside.as_ref().map_or(&row.resource, |vm| &vm.resource);
        Ok((resource.server_id, resource.host.clone()))
    }
}
