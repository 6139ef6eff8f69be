//! Projects, servers, images and segments: few, and known to the writer by heart.

use crate::record::{Clash, Line, Reader, Record, Table};
use crate::refusal::Refusal;
use model::image::{Image, ImageSpec};
use model::project::{Project, ProjectSpec};
use model::server::{Capacity, Server, ServerSpec};
use model::{ImageId, Moment, ProjectId, SegmentId, ServerId, Version};

/// A server, and which transaction changed it last: so another process's writer reads only what changed.
#[derive(Clone, Debug)]
pub(crate) struct ServerRow {
    pub server: Server,
    pub touched: i64,
    /// When its next survey is due.
    pub survey_at: Moment,
}

impl Record for ServerRow {
    const TABLE: Table = Table {
        name: "servers",
        keys: 1,
        columns: &[
            "id",
            "name",
            "type",
            "enabled",
            "spec",
            "cores",
            "ram_mb",
            "gb",
            "used_cores",
            "used_ram_mb",
            "used_gb",
            "report",
            "seen_at",
            "version",
            "created_at",
            "updated_at",
            "touched",
            "survey_at",
        ],
        clash: Clash::Replace,
    };

    fn write(&self, line: &mut Line) {
        let Server { id, spec, used, worker, version, created_at, updated_at } = &self.server;
        line.int(id.0);
        line.text(&spec.name);
        line.text(spec.server_type.word());
        line.int(spec.enabled);
        line.json(spec);
        line.int(spec.cores);
        line.size(spec.ram_mb);
        line.size(spec.gb);
        line.int(used.cores);
        line.size(used.ram_mb);
        line.size(used.gb);
        line.maybe_json(worker.as_ref());
        line.maybe_moment(worker.as_ref().map(|report| report.seen_at));
        line.int(version.0);
        line.moment(*created_at);
        line.moment(*updated_at);
        line.int(self.touched);
        line.moment(self.survey_at);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Refusal> {
        let id = ServerId(from.int()?);
        let _name = from.text()?;
        let _type = from.text()?;
        let _enabled = from.flag()?;
        let spec: ServerSpec = from.json()?;
        let _total = (from.int()?, from.int()?, from.int()?);
        let used = Capacity { cores: from.small()?, ram_mb: from.size()?, gb: from.size()? };
        let worker = from.maybe_json()?;
        let _seen = from.maybe_int()?;
        let version = Version(from.int()?);
        let (created_at, updated_at) = (from.moment()?, from.moment()?);
        let server = Server { id, spec, used, worker, version, created_at, updated_at };
        Ok(Self { server, touched: from.int()?, survey_at: from.moment()? })
    }
}

impl Record for Project {
    const TABLE: Table = Table {
        name: "projects",
        keys: 1,
        columns: &["id", "spec", "version", "created_at", "updated_at"],
        clash: Clash::Replace,
    };

    fn write(&self, line: &mut Line) {
        line.int(self.id.0);
        line.json(&self.spec);
        line.int(self.version.0);
        line.moment(self.created_at);
        line.moment(self.updated_at);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            id: ProjectId(from.int()?),
            spec: from.json::<ProjectSpec>()?,
            version: Version(from.int()?),
            created_at: from.moment()?,
            updated_at: from.moment()?,
        })
    }
}

impl Record for Image {
    const TABLE: Table = Table {
        name: "images",
        keys: 1,
        columns: &["id", "spec", "version", "created_at", "updated_at"],
        clash: Clash::Replace,
    };

    fn write(&self, line: &mut Line) {
        line.int(self.id.0);
        line.json(&self.spec);
        line.int(self.version.0);
        line.moment(self.created_at);
        line.moment(self.updated_at);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            id: ImageId(from.int()?),
            spec: from.json::<ImageSpec>()?,
            version: Version(from.int()?),
            created_at: from.moment()?,
            updated_at: from.moment()?,
        })
    }
}

/// The number of a project's segment; it never changes.
#[derive(Clone, Debug)]
pub(crate) struct SegmentRow {
    pub project_id: ProjectId,
    pub name: String,
    pub id: SegmentId,
}

impl Record for SegmentRow {
    const TABLE: Table =
        Table { name: "segments", keys: 2, columns: &["project_id", "name", "id"], clash: Clash::Never };

    fn write(&self, line: &mut Line) {
        line.int(self.project_id.0);
        line.text(&self.name);
        line.int(self.id.0);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Refusal> {
        Ok(Self { project_id: ProjectId(from.int()?), name: from.text()?, id: SegmentId(from.int()?) })
    }
}
