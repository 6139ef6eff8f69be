//! What is only ever added to: steps, history, events, counts, and the answers to idempotent creates.

use crate::record::{Clash, Line, Reader, Record, Table};
use crate::refusal::Refusal;
use model::event::Event;
use model::history::HistoryRecord;
use model::task::Step;
use model::{EventSeq, Kind, Moment, ProjectId, ResourceId, State, TaskId, Verb};

#[derive(Clone, Debug)]
pub(crate) struct StepRow {
    pub task_id: TaskId,
    pub step: Step,
}

impl Record for StepRow {
    const TABLE: Table = Table {
        name: "task_steps",
        keys: 4,
        columns: &["task_id", "attempt", "number", "name", "outcome", "started_at", "ended_at", "note"],
        clash: Clash::Replace,
    };

    fn write(&self, line: &mut Line) {
        line.int(self.task_id.0);
        line.int(self.step.attempt);
        line.int(self.step.number);
        line.text(&self.step.name);
        line.text(self.step.outcome.word());
        line.moment(self.step.started_at);
        line.maybe_moment(self.step.ended_at);
        line.maybe_text(self.step.note.as_deref());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            task_id: TaskId(from.int()?),
            step: Step {
                attempt: from.small()?,
                number: from.small()?,
                name: from.text()?,
                outcome: from.word()?,
                started_at: from.moment()?,
                ended_at: from.maybe_moment()?,
                note: from.maybe_text()?,
            },
        })
    }
}

/// A history record with its place in the history.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub id: i64,
    pub record: HistoryRecord,
}

impl Record for Told {
    const TABLE: Table = Table {
        name: "history",
        keys: 1,
        columns: &["id", "resource_id", "at", "from_state", "into_state", "by_whom", "task_id", "verb", "error"],
        clash: Clash::Never,
    };

    fn write(&self, line: &mut Line) {
        let record = &self.record;
        line.int(self.id);
        line.int(record.resource_id.0);
        line.moment(record.at);
        line.maybe_text(record.from.map(State::word));
        line.text(record.into.word());
        line.text(&record.by);
        line.maybe_int(record.task_id.map(|id| id.0));
        line.maybe_text(record.verb.map(Verb::word));
        line.maybe_json(record.error.as_ref());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            id: from.int()?,
            record: HistoryRecord {
                resource_id: ResourceId(from.int()?),
                at: from.moment()?,
                from: from.maybe_word()?,
                into: from.word()?,
                by: from.text()?,
                task_id: from.maybe_int()?.map(TaskId),
                verb: from.maybe_word()?,
                error: from.maybe_json()?,
            },
        })
    }
}

impl Record for Event {
    const TABLE: Table = Table {
        name: "events",
        keys: 1,
        columns: &[
            "seq",
            "at",
            "event",
            "project_id",
            "resource_id",
            "kind",
            "state",
            "task_id",
            "verb",
            "host",
            "note",
            "traceparent",
        ],
        clash: Clash::Never,
    };

    fn write(&self, line: &mut Line) {
        line.int(self.seq.0);
        line.moment(self.at);
        line.text(self.event.word());
        line.int(self.project_id.0);
        line.int(self.resource_id.0);
        line.text(self.kind.word());
        line.text(self.state.word());
        line.maybe_int(self.task_id.map(|id| id.0));
        line.maybe_text(self.verb.map(Verb::word));
        line.text(&self.host);
        line.maybe_text(self.note.as_deref());
        line.maybe_text(self.traceparent.as_deref());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            seq: EventSeq(from.int()?),
            at: from.moment()?,
            event: from.word()?,
            project_id: ProjectId(from.int()?),
            resource_id: ResourceId(from.int()?),
            kind: from.word()?,
            state: from.word()?,
            task_id: from.maybe_int()?.map(TaskId),
            verb: from.maybe_word()?,
            host: from.text()?,
            note: from.maybe_text()?,
            traceparent: from.maybe_text()?,
        })
    }
}

/// How many there are, so that metrics need not count: resources by state, tasks by status.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// `resource` or `task`.
    pub what: String,
    pub kind: Kind,
    /// A state, or a status.
    pub word: String,
    pub count: i64,
}

impl Record for Tally {
    const TABLE: Table =
        Table { name: "tallies", keys: 3, columns: &["what", "kind", "word", "count"], clash: Clash::Add };

    fn write(&self, line: &mut Line) {
        line.text(&self.what);
        line.text(self.kind.word());
        line.text(&self.word);
        line.int(self.count);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Refusal> {
        Ok(Self { what: from.text()?, kind: from.word()?, word: from.text()?, count: from.int()? })
    }
}

/// The answer that was given to a key.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub token_id: i64,
    pub key: String,
    pub request_hash: String,
    /// JSON.
    pub answer: String,
    pub made_at: Moment,
}

impl Record for Answered {
    const TABLE: Table = Table {
        name: "idempotency",
        keys: 2,
        columns: &["token_id", "client_key", "request_hash", "answer", "made_at"],
        clash: Clash::Replace,
    };

    fn write(&self, line: &mut Line) {
        line.int(self.token_id);
        line.text(&self.key);
        line.text(&self.request_hash);
        line.text(&self.answer);
        line.moment(self.made_at);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            token_id: from.int()?,
            key: from.text()?,
            request_hash: from.text()?,
            answer: from.text()?,
            made_at: from.moment()?,
        })
    }
}
