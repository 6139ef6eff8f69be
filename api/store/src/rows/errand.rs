//! Errands, and the orphans that surveys have found.

use crate::record::{Clash, Line, Reader, Record, Table};
use crate::refusal::Refusal;
use model::errand::{Errand, ErrandStatus, Orphan, Sort};
use model::{ErrandId, EventSeq, Moment, OrphanId, ServerId};

#[derive(Clone, Debug)]
pub(crate) struct ErrandRow {
    pub errand: Errand,
    /// When the sweep looks at it; none when it has ended.
    pub due_at: Option<Moment>,
    /// The newest event when its attempt began.
    pub as_of: EventSeq,
}

impl Record for ErrandRow {
    const TABLE: Table = Table {
        name: "errands",
        keys: 1,
        columns: &[
            "id",
            "server_id",
            "host",
            "word",
            "what",
            "status",
            "asked_by",
            "attempts",
            "worker",
            "surveyed",
            "verified",
            "note",
            "error",
            "requested_at",
            "started_at",
            "ended_at",
            "due_at",
            "as_of",
        ],
        clash: Clash::Replace,
    };

    fn write(&self, line: &mut Line) {
        let errand = &self.errand;
        line.int(errand.id.0);
        line.int(errand.server_id.0);
        line.text(&errand.host);
        line.text(errand.what.word());
        line.json(&errand.what);
        line.text(errand.status.word());
        line.text(&errand.asked_by);
        line.int(errand.attempts);
        line.maybe_text(errand.worker.as_deref());
        line.maybe_json(errand.surveyed.as_ref());
        line.maybe_json(errand.verified.as_ref());
        line.maybe_text(errand.note.as_deref());
        line.maybe_json(errand.error.as_ref());
        line.moment(errand.requested_at);
        line.maybe_moment(errand.started_at);
        line.maybe_moment(errand.ended_at);
        line.maybe_moment(self.due_at);
        line.int(self.as_of.0);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Refusal> {
        let id = ErrandId(from.int()?);
        let server_id = ServerId(from.int()?);
        let host = from.text()?;
        let _word = from.text()?;
        let errand = Errand {
            id,
            server_id,
            host,
            what: from.json()?,
            status: from.word::<ErrandStatus>()?,
            asked_by: from.text()?,
            attempts: from.small()?,
            worker: from.maybe_text()?,
            surveyed: from.maybe_json()?,
            verified: from.maybe_json()?,
            note: from.maybe_text()?,
            error: from.maybe_json()?,
            requested_at: from.moment()?,
            started_at: from.maybe_moment()?,
            ended_at: from.maybe_moment()?,
        };
        Ok(Self { errand, due_at: from.maybe_moment()?, as_of: EventSeq(from.int()?) })
    }
}

impl Record for Orphan {
    const TABLE: Table = Table {
        name: "orphans",
        keys: 1,
        columns: &["id", "server_id", "host", "sort", "name", "found", "first_seen", "last_seen", "set_aside_at"],
        clash: Clash::Replace,
    };

    fn write(&self, line: &mut Line) {
        line.int(self.id.0);
        line.int(self.server_id.0);
        line.text(&self.host);
        line.text(self.found.sort.word());
        line.text(&self.found.name);
        line.json(&self.found);
        line.moment(self.first_seen);
        line.moment(self.last_seen);
        line.maybe_moment(self.set_aside_at);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Refusal> {
        let (id, server_id, host) = (OrphanId(from.int()?), ServerId(from.int()?), from.text()?);
        let _sort: Sort = from.word()?;
        let _name = from.text()?;
        Ok(Self {
            id,
            server_id,
            host,
            found: from.json()?,
            first_seen: from.moment()?,
            last_seen: from.moment()?,
            set_aside_at: from.maybe_moment()?,
        })
    }
}
