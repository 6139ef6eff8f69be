//! A new resource: checked, placed, and its room claimed, in one transaction with its first task.

use crate::Idempotency;
use crate::journal::Request;
use crate::place::{self, Candidate, Want, place};
use crate::record::{Line, json};
use crate::refusal::{Answer, Refusal};
use crate::rows::{Answered, ResourceRow, ServerRow};
use crate::unit::Unit;
use crate::wish::Wish;
use crate::{Store, Who};
use errors::{Fault, iaas as codes};
use iaas::problem::PlacementCheck;
use iaas::tenant::{Accepted, Create, Placement};
use model::resource::{Resource, Spec};
use model::server::Server;
use model::{EventSeq, Fence, Kind, ProjectId, ResourceId, ResourceType, State, TaskId, Verb, Version, states};

/// A wish with whom it is for.
struct Order {
    project_id: ProjectId,
    name: String,
    resource_type: ResourceType,
    wish: Wish,
}

/// Where it will stand, and how it begins there.
struct Stand {
    server: Server,
    kind: Kind,
    state: State,
    verb: Verb,
    /// Of a router that two nodes hold, where the other one is.
    standby: Option<Server>,
}

impl Store {
    /// Stores the wish in `requested`, with its room claimed and its build queued.
    ///
    /// Refused with `NOT_FOUND` / `NOT_YOURS` (project, image, server, VM), `SPEC_INVALID`, `IMAGE_TOO_LARGE`,
    /// `IMAGE_NO_USERDATA`, `ROUTER_EXISTS`, `NO_PLACE` or `SERVER_UNFIT` with every server's failing check, and
    /// `IDEMPOTENCY_MISMATCH`.
    pub async fn resource_create<S: Spec>(
        &self,
        wish: Create<S>,
        who: &Who,
        traceparent: Option<String>,
        idempotency: Option<Idempotency>,
    ) -> Answer<Accepted<S>> {
        let order = Order::of(wish, who)?;
        let by = who.name.clone();
        self.write(move |unit| {
            Box::pin(async move {
                if let Some(given) = &idempotency
                    && let Some(answer) = unit.answered(given).await?
                {
                    return serde_json::from_str(&answer)
                        .map_err(|_| Refusal::unexpected("a kept answer cannot be read"));
                }
                let accepted = accepted(unit.create(order, by, traceparent).await?)?;
                if let Some(given) = idempotency {
                    unit.keep_answer(given, json(&accepted));
                }
                Ok(accepted)
            })
        })
        .await
    }

    /// Where a create would stand now, and nothing more: nothing is stored. Refused as the create would be.
    pub async fn resource_place<S: Spec>(&self, wish: Create<S>, who: &Who) -> Answer<Placement> {
        let order = Order::of(wish, who)?;
        let stand = self.write(move |unit| Box::pin(async move { unit.stand(&order).await })).await?;
        Ok(Placement { host: stand.server.spec.name, kind: stand.kind })
    }
}

pub(crate) fn accepted<S: Spec>((row, task_id): (ResourceRow, TaskId)) -> Answer<Accepted<S>> {
    Ok(Accepted { resource: row.shown()?, task_id, task_url: format!("/v1/tasks/{task_id}") })
}

impl Order {
    fn of<S: Spec>(wish: Create<S>, who: &Who) -> Answer<Self> {
        let Create { project_id, name, spec } = wish;
        who.sees(project_id, "project", project_id)?;
        if name.trim().is_empty() || name.chars().count() > 80 || name.chars().any(char::is_control) {
            return Err(Refusal::spec("name is 1 to 80 characters, none of them a control character"));
        }
        let wish = Wish::of(&spec)?;
        wish.check()?;
        Ok(Self { project_id, name, resource_type: S::TYPE, wish })
    }
}

impl Unit {
    /// The answer that the key got before; refused when it was for another request.
    async fn answered(&mut self, given: &Idempotency) -> Answer<Option<String>> {
        let key = (given.token_id, given.key.clone());
        let row = match self.answers.get(&key) {
            Some(row) => Some(row.clone()),
            None => {
                let mut line = Line::default();
                line.int(given.token_id);
                line.text(&given.key);
                self.select::<Answered>("WHERE t.token_id = $1 AND t.client_key = $2", line).await?.pop()
            }
        };
        let fresh = |row: &Answered| crate::limits::later(row.made_at, 3600 * self.limits.idempotency_hours) > self.now;
        match row.filter(fresh) {
            Some(row) if row.request_hash == given.request_hash => Ok(Some(row.answer)),
            Some(_) => Err(Fault::new(&codes::IDEMPOTENCY_MISMATCH).into()),
            None => Ok(None),
        }
    }

    fn keep_answer(&mut self, given: Idempotency, answer: String) {
        let Idempotency { key, token_id, request_hash } = given;
        let row = Answered { token_id, key: key.clone(), request_hash, answer, made_at: self.now };
        self.answers.put((token_id, key), row);
    }

    async fn create(&mut self, order: Order, by: String, traceparent: Option<String>) -> Answer<(ResourceRow, TaskId)> {
        let Stand { server, kind, state, verb, standby } = self.stand(&order).await?;
        let Order { project_id, name, resource_type: _, mut wish } = order;
        self.counters.resource += 1;
        let id = ResourceId(self.counters.resource);
        wish.name_nics(id, None);
        let second = standby.map(|server| {
            self.counters.resource += 1;
            (ResourceId(self.counters.resource), server)
        });
        wish.name_pair(id, second.as_ref().map(|(second, _)| *second));
        wish.stand_on_nothing();
        self.number_segments(&mut wish, project_id).await?;
        let took = wish.takes();
        self.exchange(server.id, Default::default(), took);
        let resource = Resource {
            id,
            kind,
            project_id,
            name,
            state,
            spec: wish.to_text(),
            server_id: server.id,
            host: server.spec.name,
            fence: Fence(0),
            task_id: None,
            error: None,
            facts: Default::default(),
            drift: None,
            version: Version(0),
            created_at: self.now,
            updated_at: self.now,
        };
        let image_id = wish.image();
        let mut row = ResourceRow {
            resource,
            took,
            scrub_due_at: None,
            image_id,
            changed_seq: EventSeq(0),
            failed: None,
            vm_id: wish.vm(),
            stale: false,
            checked_at: self.now,
            pair_id: second.as_ref().map(|_| id),
        };
        let request = Request { by: by.clone(), from: None, traceparent, dry_run: false };
        let mut task = self.new_task(&row, verb, request).await?;
        row.resource.task_id = Some(task.task.id);
        self.begin_in(&mut row, None, state, &by, Some(&task.task));
        self.queue(&mut task, &row, None);
        let id = task.task.id;
        self.put_task(task);
        self.put_resource(row.clone());
        if let Some((second, server)) = second {
            self.create_standby(&row, second, server, &by).await?;
        }
        self.tell_router(project_id, wish.nics(), &by).await?;
        Ok((row, id))
    }

    /// All checks of a create, and the choice of the server.
    async fn stand(&mut self, order: &Order) -> Answer<Stand> {
        let project = order.project_id;
        if self.project(project).await?.is_none() {
            return Err(Refusal::not_found("project", project));
        }
        if order.resource_type == ResourceType::VirtualRouter {
            self.check_only_router(project).await?;
        }
        let mut format = None;
        if let Some(image) = order.wish.image() {
            let image = self.image(image).await?.ok_or_else(|| Refusal::not_found("image", image))?;
            order.wish.check_image(&image)?;
            format = Some(image.spec.format);
        }
        if order.resource_type == ResourceType::Ceph && order.wish.vm().is_some() {
            return Err(Refusal::spec("vm: a volume is attached by a change, once it is built"));
        }
        let vm = match order.wish.vm() {
            Some(id) => Some(self.companion(id, project).await?),
            None => None,
        };
        let restored = self.restored(&order.wish, project).await?;
        let beside = vm.as_ref().filter(|_| order.wish.stands_with_vm()).map(|vm| vm.resource.server_id);
        let labels = order.wish.labels();
        let want = Want { resource: order.resource_type, takes: order.wish.takes(), labels: &labels, format };
        let (id, kind) = match order.wish.server().or(beside).or(restored) {
            Some(named) => {
                let row = self.servers.get(&named).ok_or_else(|| Refusal::not_found("server", named))?;
                let name = row.server.spec.name.clone();
                place([self.candidate(row)], &want).map_err(|checks| unfit(&name, checks))?
            }
            None => {
                let taken = order.wish.pair().and_then(|pair| pair.server);
                let all = self.servers.iter().map(|row| self.candidate(row));
                place(all.filter(|candidate| Some(candidate.id) != taken), &want).map_err(no_place)?
            }
        };
        self.check_device(id, None, &order.wish).await?;
        let row = self.servers.get(&id).ok_or_else(|| Refusal::not_found("server", id))?;
        // A gpu has no build: it is there already, and is attached to its VM.
        let state = match states::row(kind, State::Requested) {
            Some(_) => State::Requested,
            None if vm.is_some_and(|vm| vm.resource.state == State::Quiesced) => State::QuiescedUpdate,
            None => State::RunningUpdate,
        };
        let begins = states::row(kind, state).map(|row| row.verb);
        let verb = begins.ok_or_else(|| Refusal::spec(format_args!("a {kind} cannot be made")))?;
        let server = row.server.clone();
        let standby = self.stand_of_standby(&order.wish, id, kind)?;
        Ok(Stand { server, kind, state, verb, standby })
    }

    async fn check_only_router(&mut self, project: ProjectId) -> Answer<()> {
        match self.router(project).await? {
            Some(router) => {
                Err(Fault::new(&codes::ROUTER_EXISTS).hole("project", project).hole("router", router).into())
            }
            None => Ok(()),
        }
    }

    /// The VM of this project that a snapshot, backup, volume or gpu names.
    pub async fn companion(&mut self, id: ResourceId, project: ProjectId) -> Answer<ResourceRow> {
        let vm = self.resource(id).await?.filter(|row| {
            let is_vm = row.resource_type() == ResourceType::Vm && row.resource.project_id == project;
            let is_going = matches!(
                row.resource.state,
                State::Scrub | State::ScrubPrep | State::ScrubQueue | State::Scrubbing | State::Closed
            );
            is_vm && !is_going
        });
        vm.ok_or_else(|| Refusal::not_yours("vm", id))
    }

    pub fn candidate<'s>(&self, row: &'s ServerRow) -> Candidate<'s> {
        let Server { id, spec, used, worker, .. } = &row.server;
        let oldest = crate::limits::later(self.now, -i64::from(self.limits.worker_silent_secs));
        let seen = worker.as_ref().is_some_and(|report| report.seen_at >= oldest && report.host_error.is_none());
        Candidate { id: *id, spec, used: *used, seen }
    }
}

pub(crate) fn unfit(server: &str, checks: Vec<PlacementCheck>) -> Refusal {
    let fault = Fault::new(&codes::SERVER_UNFIT).hole("server", server).hole("checks", place::line(&checks));
    Refusal { checks, ..fault.into() }
}

pub(crate) fn no_place(checks: Vec<PlacementCheck>) -> Refusal {
    let fault = Fault::new(&codes::NO_PLACE).hole("checks", place::line(&checks));
    Refusal { checks, ..fault.into() }
}
