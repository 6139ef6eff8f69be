//! Drift: what a dry run of an update without any change would do.
//!
//! Flow: the sweep makes a dry run for resources at rest that nobody has looked at for a while, or somebody asks for one; what
//! its plan would do is the drift. It is shown, repaired by the same update for real, or taken over into the record.
//!
//! Guarantees: a look that crossed a change of the resource says nothing. A host that is away is no drift.

use crate::journal::Request;
use crate::limits::later;
use crate::page::{Cut, Where, merge};
use crate::record::Line;
use crate::refusal::{Answer, Refusal};
use crate::rows::{ResourceRow, TaskRow};
use crate::settle::End;
use crate::unit::{Unit, select};
use crate::wish::Wish;
use crate::{Store, Who};
use errors::Category;
use iaas::tenant::{DriftFilter, Drifted, Page};
use model::drift::{Drift, DriftPolicy};
use model::{Kind, ResourceId, State, TaskId, Verb, states};

const DUE: &str = "SELECT id FROM resources WHERE state IN ('running', 'quiesced') AND checked_at <= $1 \
                   AND kind IN ('vm_kvm', 'vm_hyperv', 'virtual_router', 'ceph') ORDER BY checked_at LIMIT $2";
/// Who asks for the looks that nobody asked for.
const BY: &str = "drift";
/// How many looks one sweep begins.
const MOST: i64 = 20;
/// How long the task of a look is kept.
const KEPT_SECS: i32 = 3600;

impl Store {
    /// Resources that differ from their records, oldest id first.
    pub async fn drift_list(&self, filter: &DriftFilter, who: &Who) -> Answer<Page<Drifted>> {
        let cut = Cut::of(filter.cursor.as_deref(), filter.limit)?;
        let mut list = Where::after(&cut);
        list.number("project_id", filter.project.map(|id| id.0));
        list.number("project_id", who.only().map(|id| id.0));
        list.text("host", filter.host.as_deref());
        list.sql.push_str(" AND t.drift IS NOT NULL AND t.state <> 'closed'");
        let (tail, line) = list.limit(&cut);
        let rows: Vec<ResourceRow> = select(self.pool(), &tail, line).await?;
        let shown = rows.into_iter().filter_map(|row| {
            let resource = row.resource;
            Some(Drifted {
                id: resource.id,
                kind: resource.kind,
                project_id: resource.project_id,
                name: resource.name,
                state: resource.state,
                host: resource.host,
                drift: resource.drift?,
            })
        });
        Ok(cut.page(shown.collect(), |drifted| drifted.id.0))
    }

    /// Looks, repairs or adopts now. Gives the task to follow; adopting needs none.
    pub async fn drift_act(&self, id: ResourceId, policy: DriftPolicy, who: &Who) -> Answer<Option<TaskId>> {
        let who = who.clone();
        self.write(move |unit| {
            Box::pin(async move {
                let row = unit.resource(id).await?.ok_or_else(|| Refusal::not_yours("resource", id))?;
                who.sees(row.resource.project_id, "resource", id)?;
                if update(row.resource.kind, row.resource.state).is_none() {
                    let may = vec![State::Running, State::Quiesced];
                    return Err(Refusal::state(row.label(), row.resource.state, may, "a look at its drift"));
                }
                match policy {
                    DriftPolicy::Report => unit.look_at(row, &who.name).await.map(Some),
                    DriftPolicy::Repair => unit.make_as_wished(row, &who.name).await,
                    DriftPolicy::Adopt => unit.adopt(row, &who.name).await.map(|()| None),
                }
            })
        })
        .await
    }
}

/// The update that would make a resource at rest as its record says; none where an update does something else.
fn update(kind: Kind, state: State) -> Option<(State, Verb)> {
    let found = match (kind, state) {
        (Kind::SnapshotKvm | Kind::SnapshotHyperv, _) => return None,
        (_, State::Running) => State::RunningUpdate,
        (_, State::Quiesced) => State::QuiescedUpdate,
        _ => return None,
    };
    states::row(kind, found).map(|row| (found, row.verb))
}

impl Unit {
    /// Looks at resources that nobody has looked at for long, and forgets the tasks of old looks.
    pub async fn sweep_drift(&mut self) -> Answer<()> {
        let Some(secs) = self.limits.drift_secs else { return Ok(()) };
        let mut line = Line::default();
        line.moment(later(self.now, -i64::from(secs)));
        line.int(MOST);
        for id in self.numbers(DUE, line).await? {
            if let Some(mut row) = self.resource(ResourceId(id)).await?
                && update(row.resource.kind, row.resource.state).is_some()
            {
                // Not again before its turn comes, whatever becomes of the look.
                row.checked_at = self.now;
                self.look_at(row, BY).await?;
            }
        }
        self.forget_looks().await
    }

    /// The tasks of looks that ended a while ago.
    async fn forget_looks(&mut self) -> Answer<()> {
        let mut line = Line::default();
        line.moment(later(self.now, -KEPT_SECS));
        let old = self.numbers("SELECT id FROM tasks WHERE looks = 1 AND ended_at <= $1 LIMIT 500", line).await?;
        if old.is_empty() {
            return Ok(());
        }
        self.flush().await?;
        for id in old {
            let Some(row) = self.task(TaskId(id)).await? else { continue };
            self.tallies.push(("task", row.task.kind, row.task.status.word(), -1));
            self.tasks.forget(&row.task.id);
            for sql in ["DELETE FROM task_steps WHERE task_id = $1", "DELETE FROM tasks WHERE id = $1"] {
                let mut line = Line::default();
                line.int(id);
                self.execute(sql, line).await?;
            }
        }
        Ok(())
    }

    /// A look that has not ended yet.
    async fn open_look(&mut self, id: ResourceId) -> Answer<Option<TaskId>> {
        let is_it = |row: &&TaskRow| row.looks && row.task.resource_id == id && !row.task.status.has_ended();
        if let Some(row) = self.tasks.unstored().find(is_it) {
            return Ok(Some(row.task.id));
        }
        let mut line = Line::default();
        line.int(id.0);
        let sql = "SELECT id FROM tasks WHERE resource_id = $1 AND looks = 1 AND ended_at IS NULL";
        for task in self.numbers(sql, line).await? {
            if let Some(row) = self.task(TaskId(task)).await?.filter(|row| is_it(&row)) {
                return Ok(Some(row.task.id));
            }
        }
        Ok(None)
    }

    /// A dry run of the update, with the wish as it is.
    async fn look_at(&mut self, row: ResourceRow, by: &str) -> Answer<TaskId> {
        if let Some(open) = self.open_look(row.resource.id).await? {
            return Ok(open);
        }
        let from = row.resource.state;
        let Some((_, verb)) = update(row.resource.kind, from) else {
            return Err(Refusal::unexpected("a look at what has no update"));
        };
        let request = Request { by: by.to_owned(), from: Some(from), traceparent: None, dry_run: true };
        let mut task = self.new_task(&row, verb, request).await?;
        let id = task.task.id;
        task.looks = true;
        self.queue(&mut task, &row, None);
        self.put_task(task);
        self.put_resource(row);
        Ok(id)
    }

    /// An update of a resource at rest to its own wish: what is on the host, or beside it, has changed.
    pub async fn make_as_wished(&mut self, mut row: ResourceRow, by: &str) -> Answer<Option<TaskId>> {
        let from = row.resource.state;
        let Some((into, verb)) = update(row.resource.kind, from) else { return Ok(None) };
        let request = Request { by: by.to_owned(), from: Some(from), traceparent: None, dry_run: false };
        let mut task = self.new_task(&row, verb, request).await?;
        let id = task.task.id;
        row.stale = false;
        row.resource.task_id = Some(id);
        self.shift(&mut row, into, by, Some(&task.task)).await?;
        self.queue(&mut task, &row, None);
        self.put_task(task);
        self.put_resource(row);
        Ok(Some(id))
    }

    /// The record says what is on the host from now on.
    async fn adopt(&mut self, mut row: ResourceRow, by: &str) -> Answer<()> {
        let Some(actual) = row.resource.drift.as_ref().and_then(|drift| drift.actual.clone()) else {
            return Err(Refusal::spec(format_args!("{}: nothing was found that a record can say", row.label())));
        };
        let now = Wish::from_text(row.resource_type(), &row.resource.spec)?;
        let mut value = now.to_value()?;
        merge(&mut value, &actual);
        let next = Wish::from_value(row.resource_type(), value)?;
        next.check()?;
        self.exchange(row.resource.server_id, row.took, next.takes());
        row.took = next.takes();
        row.resource.spec = next.to_text();
        row.resource.drift = None;
        let state = row.resource.state;
        self.begin_in(&mut row, Some(state), state, by, None);
        // What else there is, the next look finds.
        self.look_at(row, BY).await.map(drop)
    }

    /// The end of a look.
    pub async fn end_check(&mut self, row: TaskRow, mut resource: ResourceRow, end: End) -> Answer<()> {
        let crossed = resource.changed_seq > row.queued_seq || !resource.resource.state.is_stable();
        let since = resource.resource.drift.as_ref().map_or(self.now, |drift| drift.since);
        let drift = |steps, error, actual| Drift { steps, error, actual, since, checked_at: self.now };
        let found = match &end {
            End::Planned(plan) => {
                let todo: Vec<_> =
                    plan.steps.iter().filter(|step| !step.already_so).map(|step| step.name.clone()).collect();
                Some((!todo.is_empty() || plan.actual.is_some()).then(|| drift(todo, None, plan.actual.clone())))
            }
            End::Failed(error) if !is_outage(error.category) => {
                Some(Some(drift(error.step.clone().into_iter().collect(), Some(error.clone()), None)))
            }
            End::Succeeded | End::Failed(_) | End::Cancelled(_) => None,
        };
        self.close_task(row, end, &resource);
        let Some(found) = found.filter(|_| !crossed) else { return Ok(()) };
        let policy = self.servers.get(&resource.resource.server_id).map(|row| row.server.spec.settings.drift);
        resource.checked_at = self.now;
        resource.resource.drift = found;
        let drift = resource.resource.drift.clone();
        self.put_resource(resource.clone());
        match (policy.unwrap_or_default(), drift) {
            // What could not even be looked at, an update would only make unresourced.
            (DriftPolicy::Repair, Some(Drift { error: None, .. })) => self.make_as_wished(resource, BY).await.map(drop),
            (DriftPolicy::Adopt, Some(Drift { actual: Some(_), .. })) => {
                if let Err(refusal) = self.adopt(resource, BY).await {
                    tracing::warn!(%refusal, "what was found cannot be adopted");
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The host was not looked at.
fn is_outage(category: Category) -> bool {
    matches!(category, Category::HostUnreachable | Category::Deadline | Category::Locked)
}
