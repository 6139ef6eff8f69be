//! One table for all six types of resource.

use crate::record::{Clash, Line, Reader, Record, Table};
use crate::refusal::{Answer, Refusal};
use model::resource::{Facts, Resource, Spec};
use model::server::Capacity;
use model::{
    EventSeq, Fence, ImageId, Moment, ProjectId, ResourceId, ResourceType, ServerId, State, TaskId, Verb, Version,
};

#[derive(Clone, Debug)]
pub(crate) struct ResourceRow {
    /// With its wish as JSON text.
    pub resource: Resource<String>,
    /// What it has claimed of its server.
    pub took: Capacity,
    /// In scrub_queue: when its grace period ends.
    pub scrub_due_at: Option<Moment>,
    /// Of a VM.
    pub image_id: Option<ImageId>,
    /// The event of its last change of state.
    pub changed_seq: EventSeq,
    /// The verb whose failure made it unresourced; where a retry leads.
    pub failed: Option<Verb>,
    /// The VM that it belongs to, or may be attached to.
    pub vm_id: Option<ResourceId>,
    /// Of a router: its project's VMs have changed since it was told to look.
    pub stale: bool,
    /// When it was last known to be as its record says, or looked at.
    pub checked_at: Moment,
    /// Of a router that two nodes hold: the first one.
    pub pair_id: Option<ResourceId>,
}

impl ResourceRow {
    pub fn resource_type(&self) -> ResourceType {
        self.resource.kind.resource_type()
    }

    pub fn label(&self) -> String {
        self.resource.label().to_string()
    }

    /// As it is shown: with its error only while it is unresourced.
    pub fn shown<S: Spec>(&self) -> Answer<Resource<S>> {
        let spec = serde_json::from_str(&self.resource.spec)
            .map_err(|_| Refusal::unexpected(format_args!("the wish of {} cannot be read", self.label())))?;
        Ok(self.plain().with(spec))
    }

    pub fn plain(&self) -> Resource<String> {
        let mut resource = self.resource.clone();
        if resource.state != State::Unresourced {
            resource.error = None;
        }
        resource
    }
}

impl Record for ResourceRow {
    const TABLE: Table = Table {
        name: "resources",
        keys: 1,
        columns: &[
            "id",
            "type",
            "kind",
            "project_id",
            "name",
            "state",
            "spec",
            "server_id",
            "host",
            "fence",
            "task_id",
            "error",
            "version",
            "created_at",
            "updated_at",
            "cores",
            "ram_mb",
            "gb",
            "scrub_due_at",
            "image_id",
            "changed_seq",
            "failed_verb",
            "vm_id",
            "facts",
            "stale",
            "drift",
            "checked_at",
            "pair_id",
        ],
        clash: Clash::Replace,
    };

    fn write(&self, line: &mut Line) {
        let resource = &self.resource;
        line.int(resource.id.0);
        line.text(self.resource_type().word());
        line.text(resource.kind.word());
        line.int(resource.project_id.0);
        line.text(&resource.name);
        line.text(resource.state.word());
        line.text(&resource.spec);
        line.int(resource.server_id.0);
        line.text(&resource.host);
        line.int(resource.fence.0);
        line.maybe_int(resource.task_id.map(|id| id.0));
        line.maybe_json(resource.error.as_ref());
        line.int(resource.version.0);
        line.moment(resource.created_at);
        line.moment(resource.updated_at);
        line.int(self.took.cores);
        line.size(self.took.ram_mb);
        line.size(self.took.gb);
        line.maybe_moment(self.scrub_due_at);
        line.maybe_int(self.image_id.map(|id| id.0));
        line.int(self.changed_seq.0);
        line.maybe_text(self.failed.map(Verb::word));
        line.maybe_int(self.vm_id.map(|id| id.0));
        line.maybe_json(Some(&resource.facts).filter(|facts| !facts.is_empty()));
        line.int(self.stale);
        line.maybe_json(resource.drift.as_ref());
        line.moment(self.checked_at);
        line.maybe_int(self.pair_id.map(|id| id.0));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Refusal> {
        let id = ResourceId(from.int()?);
        let _: ResourceType = from.word()?;
        let mut resource = Resource {
            id,
            kind: from.word()?,
            project_id: ProjectId(from.int()?),
            name: from.text()?,
            state: from.word()?,
            spec: from.text()?,
            server_id: ServerId(from.int()?),
            host: from.text()?,
            fence: Fence(from.int()?),
            task_id: from.maybe_int()?.map(TaskId),
            error: from.maybe_json()?,
            facts: Facts::new(),
            drift: None,
            version: Version(from.int()?),
            created_at: from.moment()?,
            updated_at: from.moment()?,
        };
        let took = Capacity { cores: from.small()?, ram_mb: from.size()?, gb: from.size()? };
        let scrub_due_at = from.maybe_moment()?;
        let image_id = from.maybe_int()?.map(ImageId);
        let changed_seq = EventSeq(from.int()?);
        let failed = from.maybe_word()?;
        let vm_id = from.maybe_int()?.map(ResourceId);
        resource.facts = from.maybe_json()?.unwrap_or_default();
        let stale = from.flag()?;
        resource.drift = from.maybe_json()?;
        let checked_at = from.moment()?;
        let pair_id = from.maybe_int()?.map(ResourceId);
        Ok(Self { resource, took, scrub_due_at, image_id, changed_seq, failed, vm_id, stale, checked_at, pair_id })
    }
}
