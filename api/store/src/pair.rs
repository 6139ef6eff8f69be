//! Two nodes that hold one router: the tenant's, and on the other node its standby, a resource that follows it.
//!
//! Flow: what is asked of the first is asked of the standby in the same transaction, when the standby is at rest; else when it
//! comes to rest. Each is an ordinary task of the worker beside its node.
//!
//! Guarantees: neither waits for the other, so one whose node is away keeps nobody from changing the other. Where the standby is
//! to be is reckoned from the first one's state and wish alone, whatever was missed. One that failed because its node was away is
//! brought level when its worker is seen again.

use crate::create::{no_place, unfit};
use crate::drift::is_outage;
use crate::journal::Request;
use crate::limits::later;
use crate::place::{Candidate, Want, place};
use crate::record::Line;
use crate::refusal::{Answer, Refusal};
use crate::rows::ResourceRow;
use crate::unit::Unit;
use crate::wish::Wish;
use errors::{Category, Fault, iaas as codes};
use model::resource::Facts;
use model::server::Server;
use model::virtual_router::pair::Pair;
use model::{Kind, ResourceId, ResourceType, ServerId, State, Verb, states};
use serde_json::json;

const STANDBYS: &str = "SELECT id FROM resources WHERE pair_id = $1 AND id <> $1 AND state <> 'closed' ORDER BY id";
const FAILED: &str = "SELECT id FROM resources WHERE pair_id IS NOT NULL AND state = 'unresourced' AND updated_at <= $1 \
                      ORDER BY updated_at LIMIT $2";
/// Who asks for what a standby does.
const BY: &str = "pair";
/// One that failed because its node was away is tried again so long after.
const RETRY_SECS: i32 = 30;
const MOST: i64 = 500;

impl ResourceRow {
    pub fn is_standby(&self) -> bool {
        self.pair_id.is_some_and(|first| first != self.resource.id)
    }

    fn pair(&self) -> Answer<Option<Pair>> {
        Ok(Wish::from_text(self.resource_type(), &self.resource.spec)?.pair().cloned())
    }
}

/// Where a standby is to be; none where it stays as it is.
fn goal(first: &ResourceRow, is_wanted: bool) -> Option<State> {
    let state = first.resource.state;
    if !is_wanted {
        // While the first has not let go of it, what was asked may still be taken back.
        return Some(if state.is_stable() { State::Closed } else { State::ScrubQueue });
    }
    match state {
        State::Requested
        | State::Building
        | State::Running
        | State::RunningUpdate
        | State::RunningUpdating
        | State::Restart
        | State::Restarting => Some(State::Running),
        State::Quiesce | State::Quiescing | State::Quiesced | State::QuiescedUpdate | State::QuiescedUpdating => {
            Some(State::Quiesced)
        }
        State::Scrub | State::ScrubPrep | State::ScrubQueue | State::Scrubbing => Some(State::ScrubQueue),
        State::Closed => Some(State::Closed),
        State::Ignore | State::Unresourced => None,
    }
}

/// The next state to ask of a standby at rest on its way there.
fn next(standby: &ResourceRow, goal: State, is_level: bool, retries: bool) -> Option<State> {
    let goes = matches!(goal, State::ScrubQueue | State::Closed);
    match standby.resource.state {
        State::Running | State::Quiesced | State::Unresourced if goes => Some(State::Scrub),
        State::Unresourced if retries => {
            standby.failed.and_then(|verb| states::retry_into(standby.resource.kind, verb))
        }
        State::ScrubQueue if goal == State::Closed => Some(State::ScrubQueue),
        State::ScrubQueue if !goes => Some(State::Restart),
        State::Running if goal == State::Quiesced => Some(State::Quiesce),
        State::Running if !is_level => Some(State::RunningUpdate),
        State::Quiesced if goal == State::Running => Some(State::Restart),
        State::Quiesced if !is_level => Some(State::QuiescedUpdate),
        _ => None,
    }
}

impl Unit {
    /// A router has come to a state, or to another wish: its standby follows. `retries` says whether one that has failed is
    /// tried again.
    pub async fn follow(&mut self, id: ResourceId, retries: bool) -> Answer<()> {
        let Some(row) = self.resource(id).await?.filter(|row| row.resource_type() == ResourceType::VirtualRouter)
        else {
            return Ok(());
        };
        let first = row.pair_id.unwrap_or(id);
        let Some(first) = self.resource(first).await? else { return Ok(()) };
        let wanted = first.pair()?.and_then(|pair| pair.second);
        for standby in self.standbys(first.resource.id).await? {
            let is_wanted = wanted == Some(standby.resource.id);
            if let Some(goal) = goal(&first, is_wanted)
                && standby.resource.state.is_stable()
                && self.open_task(&standby).await?.is_none()
            {
                let is_level = standby.resource.spec == first.resource.spec;
                if let Some(into) = next(&standby, goal, is_level, retries) {
                    let spec = first.resource.spec.clone();
                    self.send(standby, into, Some(spec).filter(|_| is_wanted)).await?;
                }
            }
        }
        Ok(())
    }

    /// The standbys of a router that are not closed: the one that it has, and those that it had.
    pub async fn standbys(&mut self, first: ResourceId) -> Answer<Vec<ResourceRow>> {
        let is_one = |row: &&ResourceRow| row.is_standby() && row.pair_id == Some(first);
        let mut ids: Vec<_> = self.resources.unstored().filter(is_one).map(|row| row.resource.id).collect();
        let mut line = Line::default();
        line.int(first.0);
        ids.extend(self.numbers(STANDBYS, line).await?.into_iter().map(ResourceId));
        ids.sort_unstable();
        ids.dedup();
        let mut rows = Vec::new();
        for id in ids {
            rows.extend(self.resource(id).await?.filter(|row| row.resource.state != State::Closed));
        }
        Ok(rows)
    }

    /// Queues what leads a router of a pair on.
    async fn send(&mut self, mut row: ResourceRow, into: State, spec: Option<String>) -> Answer<()> {
        let found = states::row(row.resource.kind, into);
        let found = found.ok_or_else(|| Refusal::unexpected(format_args!("a standby is sent into {into}")))?;
        let from = row.resource.state;
        if from == State::ScrubQueue && into == State::ScrubQueue {
            return self.begin_scrub(row, found.verb, BY).await;
        }
        if let Some(spec) = spec {
            row.resource.spec = spec;
        }
        let request = Request { by: BY.to_owned(), from: Some(from), traceparent: None, dry_run: false };
        let mut task = self.new_task(&row, found.verb, request).await?;
        row.scrub_due_at = None;
        row.resource.task_id = Some(task.task.id);
        self.shift(&mut row, into, BY, Some(&task.task)).await?;
        self.queue(&mut task, &row, None);
        self.put_resource(row);
        self.put_task(task);
        Ok(())
    }

    /// Routers of pairs that failed because their nodes were away, and whose workers are there again.
    pub async fn sweep_pairs(&mut self) -> Answer<()> {
        let mut line = Line::default();
        line.moment(later(self.now, -RETRY_SECS));
        line.int(MOST);
        for id in self.numbers(FAILED, line).await? {
            let Some(row) = self.resource(ResourceId(id)).await? else { continue };
            let was_away = row
                .resource
                .error
                .as_ref()
                .is_some_and(|error| is_outage(error.category) || error.category == Category::Unavailable);
            let seen = self.servers.get(&row.resource.server_id).is_some_and(|server| self.candidate(server).seen);
            if row.resource.state != State::Unresourced || !was_away || !seen {
                continue;
            }
            if row.is_standby() {
                self.follow(row.resource.id, true).await?;
            } else if let Some(verb) = row.failed.filter(|verb| !matches!(verb, Verb::Scrub | Verb::Scrubprep))
                && let Some(into) = states::retry_into(row.resource.kind, verb)
            {
                let id = row.resource.id;
                self.send(row, into, None).await?;
                self.follow(id, true).await?;
            }
        }
        Ok(())
    }

    /// A standby does what its router does, and is asked nothing itself, unless its router has let go of it.
    pub async fn check_asked(&mut self, row: &ResourceRow) -> Answer<()> {
        let Some(first) = row.pair_id.filter(|_| row.is_standby()) else { return Ok(()) };
        let Some(holder) = self.resource(first).await? else { return Ok(()) };
        let holds = holder.pair()?.is_some_and(|pair| pair.second == Some(row.resource.id));
        if !holds || holder.resource.state == State::Closed {
            return Ok(());
        }
        let fault = Fault::new(&codes::ROUTER_STANDBY).hole("standby", row.resource.id);
        Err(fault.hole("router", first).into())
    }

    // --- making and changing a pair ------------------------------------------------------------------------------------

    /// Where the standby of a wish will stand: not where the first one does, and it is of the same kind.
    pub fn stand_of_standby(&self, wish: &Wish, first: ServerId, kind: Kind) -> Answer<Option<Server>> {
        let Some(pair) = wish.pair() else { return Ok(None) };
        let labels = Default::default();
        let want =
            Want { resource: ResourceType::VirtualRouter, takes: Default::default(), labels: &labels, format: None };
        let is_alike = |candidate: &Candidate<'_>| {
            candidate.id != first && Kind::of(want.resource, candidate.spec.server_type) == Some(kind)
        };
        let id = match pair.server {
            Some(named) if named == first => {
                return Err(Refusal::spec("pair.server is where the router itself stands"));
            }
            Some(named) => {
                let row = self.servers.get(&named).ok_or_else(|| Refusal::not_found("server", named))?;
                if Kind::of(want.resource, row.server.spec.server_type) != Some(kind) {
                    return Err(Refusal::spec("pair.server is of another type than the router's"));
                }
                let name = row.server.spec.name.clone();
                place([self.candidate(row)], &want).map_err(|checks| unfit(&name, checks))?.0
            }
            None => {
                let all = self.servers.iter().map(|row| self.candidate(row));
                place(all.filter(is_alike), &want).map_err(no_place)?.0
            }
        };
        Ok(self.servers.get(&id).map(|row| row.server.clone()))
    }

    /// A router's standby, with its build queued. Its wish names both.
    pub async fn create_standby(
        &mut self,
        first: &ResourceRow,
        second: ResourceId,
        server: Server,
        by: &str,
    ) -> Answer<()> {
        let mut row = first.clone();
        row.resource.id = second;
        row.resource.name = format!("{} standby", first.resource.name);
        row.resource.server_id = server.id;
        row.resource.host = server.spec.name;
        row.resource.fence = model::Fence(0);
        row.resource.version = model::Version(0);
        row.resource.facts = Facts::new();
        row.resource.drift = None;
        row.resource.error = None;
        row.resource.created_at = self.now;
        row.failed = None;
        row.scrub_due_at = None;
        row.stale = false;
        row.checked_at = self.now;
        let request = Request { by: by.to_owned(), from: None, traceparent: None, dry_run: false };
        let mut task = self.new_task(&row, Verb::Build, request).await?;
        row.resource.task_id = Some(task.task.id);
        self.begin_in(&mut row, None, State::Requested, by, Some(&task.task));
        self.queue(&mut task, &row, None);
        self.put_task(task);
        self.put_resource(row);
        Ok(())
    }

    /// The numbers of both in the wish of a change; whatever stood there is not believed. Gives the standby's number and its
    /// server when it is to be made.
    pub fn pair_of_change(
        &mut self,
        row: &ResourceRow,
        now: &Wish,
        next: &mut Wish,
        dry_run: bool,
    ) -> Answer<Option<(ResourceId, Server)>> {
        let had = now.pair().cloned();
        let fresh = match (&had, next.pair()) {
            // Its standby would serve for a moment, until it is quiesced too.
            (None, Some(_)) if row.resource.state == State::Quiesced => {
                return Err(Refusal::spec("pair: a router gains a standby while it runs"));
            }
            (None, Some(_)) => self.stand_of_standby(next, row.resource.server_id, row.resource.kind)?,
            _ => None,
        };
        let second = match &fresh {
            // One that nobody has, for a plan.
            Some(_) if dry_run => Some(ResourceId(self.counters.resource + 1)),
            Some(_) => {
                self.counters.resource += 1;
                Some(ResourceId(self.counters.resource))
            }
            None => had.and_then(|pair| pair.second),
        };
        next.name_pair(row.resource.id, second);
        Ok(fresh.zip(second).map(|(server, second)| (second, server)))
    }
}

/// What a router shows of its standby.
pub(crate) fn show_standby(facts: &mut Facts, standby: &ResourceRow, first: &str) {
    let resource = &standby.resource;
    let is_level = resource.spec == first && resource.state.is_stable() && resource.state != State::Unresourced;
    let shown = json!({ "id": resource.id, "host": resource.host, "state": resource.state, "level": is_level });
    facts.insert("standby".into(), shown);
}
