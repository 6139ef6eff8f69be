//! A tenant changes a wish.

use crate::ask::Ask;
use crate::create::{accepted, unfit};
use crate::drift::is_outage;
use crate::page::merge;
use crate::place::{Want, place};
use crate::refusal::{Answer, Refusal, allowed};
use crate::rows::ResourceRow;
use crate::unit::Unit;
use crate::wish::Wish;
use crate::{Store, Who};
use iaas::tenant::Accepted;
use model::resource::Spec;
use model::server::Capacity;
use model::{ResourceId, ResourceType, State, TaskId, Version, states};
use serde_json::Value;
use std::collections::BTreeMap;

impl Store {
    /// Applies a JSON merge patch to the wish of a running or quiesced resource, and queues the update. Room that it
    /// grows by is claimed now; room that it shrinks by is given back when the update has succeeded.
    ///
    /// Refused with `ETAG_MISMATCH` when the version is not the one that was read, `STATE_NOT_ALLOWED`, `SPEC_INVALID`,
    /// `SERVER_UNFIT`.
    pub async fn resource_change<S: Spec>(
        &self,
        id: ResourceId,
        version: Version,
        patch: Value,
        who: &Who,
        traceparent: Option<String>,
        dry_run: bool,
    ) -> Answer<Accepted<S>> {
        let ask = Ask { id, resource_type: S::TYPE, who: who.clone(), traceparent, dry_run, remove_subtree: None };
        accepted(self.write(move |unit| Box::pin(async move { unit.change(ask, version, patch).await })).await?)
    }
}

impl Unit {
    async fn change(&mut self, ask: Ask, version: Version, patch: Value) -> Answer<(ResourceRow, TaskId)> {
        let mut row = self.own(&ask).await?;
        self.check_asked(&row).await?;
        let (kind, from) = (row.resource.kind, row.resource.state);
        if row.resource.version != version {
            return Err(Refusal::etag(row.label(), row.resource.version, version));
        }
        let is_gpu = row.resource_type() == ResourceType::Gpu;
        let may = allowed(kind, from, row.failed);
        let into = match from {
            State::Quiesced => State::QuiescedUpdate,
            State::Unresourced => row.failed.and_then(|verb| states::retry_into(kind, verb)).unwrap_or(from),
            _ => State::RunningUpdate,
        };
        let is_update = matches!(into, State::RunningUpdate | State::QuiescedUpdate);
        let Some(found) = states::row(kind, into).filter(|_| is_gpu || may.contains(&into) && is_update) else {
            return Err(Refusal::state(row.label(), from, may, into));
        };
        let (now, mut next) = self.next_wish(&row, &patch).await?;
        // What could not be attached may still be taken from its VM: else it would hold the VM for ever.
        let is_release = row.vm_id.is_some() && next.vm().is_none();
        // A router whose node is away is changed on the other one, and here once the node is back.
        let is_held =
            now.pair().is_some() && row.resource.error.as_ref().is_some_and(|error| is_outage(error.category));
        if from == State::Unresourced && !is_gpu && !is_release && !is_held {
            return Err(Refusal::state(row.label(), from, may, into));
        }
        let (into, found) = match is_gpu {
            true => {
                let into = self.gpu_update(&row, &next).await?;
                if next.vm().is_some() {
                    self.check_device(row.resource.server_id, Some(row.resource.id), &next).await?;
                }
                (into, states::row(kind, into).unwrap_or(found))
            }
            false => (into, found),
        };
        let grown = largest(row.took, next.takes());
        // Labels count where they are asked for anew: it stands where it stands.
        let labels = if next.labels() == now.labels() { BTreeMap::new() } else { next.labels() };
        self.check_growth(&row, grown, &labels)?;

        let fresh = self.pair_of_change(&row, &now, &mut next, ask.dry_run)?;
        row.vm_id = next.vm().or(row.vm_id);
        let mut task = self.new_task(&row, found.verb, ask.request(from)).await?;
        if ask.dry_run {
            task.dry_spec = Some(next.to_text());
            self.queue(&mut task, &row, None);
        } else {
            self.exchange(row.resource.server_id, row.took, grown);
            row.took = grown;
            task.spec_before = Some(std::mem::replace(&mut row.resource.spec, next.to_text()));
            row.pair_id = next.pair().map(|_| row.resource.id);
            row.resource.task_id = Some(task.task.id);
            self.shift(&mut row, into, &ask.who.name, Some(&task.task)).await?;
            self.queue(&mut task, &row, None);
            self.put_resource(row.clone());
        }
        let id = task.task.id;
        self.put_task(task);
        if let Some((second, server)) = fresh.filter(|_| !ask.dry_run) {
            self.create_standby(&row, second, server, &ask.who.name).await?;
        }
        if !ask.dry_run {
            self.follow(row.resource.id, true).await?;
            self.tell_router_of(&row, &now.to_text(), &ask.who.name).await?;
        }
        Ok((row, id))
    }

    async fn next_wish(&mut self, row: &ResourceRow, patch: &Value) -> Answer<(Wish, Wish)> {
        if !patch.is_object() {
            return Err(Refusal::spec("a change of the wish is a JSON object"));
        }
        let now = Wish::from_text(row.resource_type(), &row.resource.spec)?;
        let mut value = now.to_value()?;
        merge(&mut value, patch);
        let mut next = Wish::from_value(row.resource_type(), value)?;
        next.check()?;
        now.check_change(&next)?;
        self.check_disks_kept(row.resource.id, &now, &next).await?;
        if let Some(vm) = next.vm().filter(|_| next.vm() != now.vm()) {
            let companion = self.companion(vm, row.resource.project_id).await?;
            if next.stands_with_vm() && companion.resource.server_id != row.resource.server_id {
                return Err(Refusal::spec(format_args!(
                    "vm {vm} stands on {}, not on {}",
                    companion.resource.host, row.resource.host
                )));
            }
        }
        if let Some(id) = next.image() {
            let image = self.image(id).await?.ok_or_else(|| Refusal::not_found("image", id))?;
            next.check_image(&image)?;
        }
        next.name_nics(row.resource.id, Some(&now));
        self.number_segments(&mut next, row.resource.project_id).await?;
        Ok((now, next))
    }

    /// Only what is added counts: a resource that shrinks always fits, on a full or disabled server too.
    fn check_growth(&self, row: &ResourceRow, grown: Capacity, labels: &BTreeMap<String, String>) -> Answer<()> {
        let id = row.resource.server_id;
        let counts = grown != row.took || !labels.is_empty();
        let Some(server) = self.servers.get(&id).filter(|_| counts) else { return Ok(()) };
        let mut candidate = self.candidate(server);
        let mut spec = candidate.spec.clone();
        spec.enabled = true;
        candidate.spec = &spec;
        let takes = Capacity {
            cores: grown.cores - row.took.cores,
            ram_mb: grown.ram_mb - row.took.ram_mb,
            gb: grown.gb - row.took.gb,
        };
        let want = Want { resource: row.resource_type(), takes, labels, format: None };
        place([candidate], &want).map(|_| ()).map_err(|checks| unfit(&spec.name, checks))
    }
}

/// While an update is under way, both the old and the new may stand.
fn largest(a: Capacity, b: Capacity) -> Capacity {
    Capacity { cores: a.cores.max(b.cores), ram_mb: a.ram_mb.max(b.ram_mb), gb: a.gb.max(b.gb) }
}
