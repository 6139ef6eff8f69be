//! One transaction of the writer: the records that its operations read and change, and how they are stored at its end.
//!
//! Operations change records in memory; [`Unit::flush`] stores all of them with a few statements of many rows. A refused
//! operation is undone in memory alone. An operation that asks the database by condition, or writes to it directly,
//! flushes first, and refuses before it writes.

use crate::kept::Kept;
use crate::limits::{Clock, Limits, now};
use crate::record::{Line, Reader, Record};
use crate::refusal::Answer;
use crate::rows::{Answered, ResourceRow, SegmentRow, ServerRow, StepRow, Tally, TaskRow, Told};
use model::event::Event;
use model::image::Image;
use model::project::Project;
use model::{EventSeq, ImageId, Kind, Moment, ProjectId, ResourceId, ServerId, TaskId};
use sqlx::{Any, AnyConnection, AssertSqlSafe, Executor, Row};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// The numbers of the one row of `counters`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub writer: i64,
    pub fleet: i64,
    pub project: i64,
    pub server: i64,
    pub image: i64,
    pub resource: i64,
    pub task: i64,
    pub event: i64,
    pub history: i64,
    pub token: i64,
    pub dispatch: i64,
    pub segment: i64,
    pub errand: i64,
    pub orphan: i64,
}

/// Records of tasks and resources that are held between transactions.
const HELD: usize = 8192;
/// How many rows one statement stores.
const LINES: [usize; 7] = [64, 32, 16, 8, 4, 2, 1];

pub(crate) struct Unit {
    connection: AnyConnection,
    pub limits: Arc<Limits>,
    clock: Clock,
    /// When the current operation began.
    pub now: Moment,
    pub counters: Counters,
    pub resources: Kept<ResourceId, ResourceRow>,
    pub tasks: Kept<TaskId, TaskRow>,
    /// All of them, always.
    pub servers: Kept<ServerId, ServerRow>,
    pub projects: Kept<ProjectId, Project>,
    pub images: Kept<ImageId, Image>,
    pub answers: Kept<(i64, String), Answered>,
    pub segments: Kept<(ProjectId, String), SegmentRow>,
    /// Resources that tasks may wait for: all that do, and some that did. None until it is asked for.
    pub waited: Option<HashSet<ResourceId>>,
    pub events: Vec<Event>,
    pub history: Vec<Told>,
    pub steps: Vec<StepRow>,
    pub tallies: Vec<(&'static str, Kind, &'static str, i64)>,
    /// Something of this transaction is in the database already.
    wrote: bool,
    /// The counters as this transaction found them.
    found: Counters,
    mark: Mark,
    /// The last transaction that this writer saw, and the counters' `fleet` then.
    seen: Option<(i64, i64)>,
    texts: HashMap<(&'static str, usize), Arc<str>>,
}

/// Where the current operation began.
#[derive(Clone, Copy, Default)]
struct Mark {
    counters: Counters,
    events: usize,
    history: usize,
    steps: usize,
    tallies: usize,
}

impl Unit {
    pub fn new(connection: AnyConnection, limits: Arc<Limits>, clock: Clock) -> Self {
        Self {
            now: now(&clock),
            connection,
            limits,
            clock,
            counters: Counters::default(),
            resources: Kept::default(),
            tasks: Kept::default(),
            servers: Kept::default(),
            projects: Kept::default(),
            images: Kept::default(),
            answers: Kept::default(),
            segments: Kept::default(),
            waited: None,
            events: Vec::new(),
            history: Vec::new(),
            steps: Vec::new(),
            tallies: Vec::new(),
            wrote: false,
            found: Counters::default(),
            mark: Mark::default(),
            seen: None,
            texts: HashMap::new(),
        }
    }

    /// Begins the transaction with the lock that all writers of all processes take.
    pub async fn begin(&mut self) -> Answer<()> {
        sqlx::raw_sql("BEGIN").execute(&mut self.connection).await?;
        let sql = "UPDATE counters SET writer = writer + 1 WHERE one = 1 RETURNING writer, fleet, project, server, image, \
                   resource, task, event, history, token, dispatch, segment, errand, orphan";
        let row = sqlx::query(sql).fetch_one(&mut self.connection).await?;
        let mut from = Reader::new(&row);
        self.counters = Counters {
            writer: from.int()?,
            fleet: from.int()?,
            project: from.int()?,
            server: from.int()?,
            image: from.int()?,
            resource: from.int()?,
            task: from.int()?,
            event: from.int()?,
            history: from.int()?,
            token: from.int()?,
            dispatch: from.int()?,
            segment: from.int()?,
            errand: from.int()?,
            orphan: from.int()?,
        };
        self.wrote = false;
        self.found = self.counters;
        self.refresh().await
    }

    /// Gives up what another process may have changed since this writer's last transaction.
    async fn refresh(&mut self) -> Answer<()> {
        let Counters { writer, fleet, .. } = self.counters;
        let since = match self.seen {
            Some((seen, _)) if seen + 1 == writer => return Ok(()),
            Some((seen, then)) if then == fleet => seen,
            _ => {
                self.servers.clear();
                0
            }
        };
        self.resources.clear();
        self.tasks.clear();
        self.projects.clear();
        self.images.clear();
        self.waited = None;
        let mut line = Line::default();
        line.int(since);
        for row in self.select::<ServerRow>("WHERE t.touched > $1", line).await? {
            self.servers.hold(row.server.id, row);
        }
        Ok(())
    }

    /// Before each operation.
    pub fn start(&mut self) {
        self.now = now(&self.clock);
        self.accept();
    }

    fn accept(&mut self) {
        self.mark = Mark {
            counters: self.counters,
            events: self.events.len(),
            history: self.history.len(),
            steps: self.steps.len(),
            tallies: self.tallies.len(),
        };
        self.resources.accept();
        self.tasks.accept();
        self.servers.accept();
        self.projects.accept();
        self.images.accept();
        self.answers.accept();
        self.segments.accept();
    }

    /// After a refused operation: all is as it was before it.
    pub fn undo(&mut self) {
        self.counters = self.mark.counters;
        self.events.truncate(self.mark.events);
        self.history.truncate(self.mark.history);
        self.steps.truncate(self.mark.steps);
        self.tallies.truncate(self.mark.tallies);
        self.resources.refuse();
        self.tasks.refuse();
        self.servers.refuse();
        self.projects.refuse();
        self.images.refuse();
        self.answers.refuse();
        self.segments.refuse();
    }

    /// Stores what the operations before this one have changed, so that queries see it.
    pub async fn flush(&mut self) -> Answer<()> {
        let rows = self.servers.take_dirty();
        self.store(&rows).await?;
        let rows = self.projects.take_dirty();
        self.store(&rows).await?;
        let rows = self.images.take_dirty();
        self.store(&rows).await?;
        let rows = self.resources.take_dirty();
        self.store(&rows).await?;
        let rows = self.tasks.take_dirty();
        self.store(&rows).await?;
        let rows = self.answers.take_dirty();
        self.store(&rows).await?;
        let rows = self.segments.take_dirty();
        self.store(&rows).await?;
        // A step that was reported twice is stored as it was last: one statement stores a key only once.
        let mut steps = BTreeMap::new();
        for row in self.steps.drain(..) {
            steps.insert((row.task_id, row.step.attempt, row.step.number, row.step.name.clone()), row);
        }
        let rows: Vec<_> = steps.into_values().collect();
        self.store(&rows).await?;
        let rows = std::mem::take(&mut self.history);
        self.store(&rows).await?;
        let rows = std::mem::take(&mut self.events);
        self.store(&rows).await?;
        let mut tallies = BTreeMap::new();
        for (what, kind, word, count) in self.tallies.drain(..) {
            *tallies.entry((what, kind, word)).or_insert(0) += count;
        }
        let tallies = tallies.into_iter().filter(|(_, count)| *count != 0);
        let rows: Vec<_> = tallies
            .map(|((what, kind, word), count)| Tally { what: what.to_owned(), kind, word: word.to_owned(), count })
            .collect();
        self.store(&rows).await?;
        self.accept();
        Ok(())
    }

    /// Ends the transaction. Whatever happens on the way: when this fails, nothing of it is stored.
    pub async fn commit(&mut self) -> Answer<EventSeq> {
        self.flush().await?;
        let counters = self.counters;
        if !self.wrote && counters == self.found {
            // Nothing was written: no need to wait for the disk.
            sqlx::raw_sql("ROLLBACK").execute(&mut self.connection).await?;
            self.seen = Some((counters.writer - 1, counters.fleet));
            return Ok(EventSeq(counters.event));
        }
        // Nothing but the feed's cursor: when a crash takes it back, tasks are handed out twice, which does no harm.
        let is_cursor = !self.wrote && Counters { dispatch: self.found.dispatch, ..counters } == self.found;
        if is_cursor && self.connection.backend_name() == "PostgreSQL" {
            sqlx::raw_sql("SET LOCAL synchronous_commit TO OFF").execute(&mut self.connection).await?;
        }
        let sql = "UPDATE counters SET fleet = $1, project = $2, server = $3, image = $4, resource = $5, task = $6, \
                   event = $7, history = $8, token = $9, dispatch = $10, segment = $11, errand = $12, orphan = $13 WHERE one = 1";
        let mut line = Line::default();
        let Counters {
            writer,
            fleet,
            project,
            server,
            image,
            resource,
            task,
            event,
            history,
            token,
            dispatch,
            segment,
            errand,
            orphan,
        } = counters;
        let all =
            [fleet, project, server, image, resource, task, event, history, token, dispatch, segment, errand, orphan];
        for number in all {
            line.int(number);
        }
        self.execute(sql, line).await?;
        sqlx::raw_sql("COMMIT").execute(&mut self.connection).await?;
        self.seen = Some((writer, fleet));
        self.resources.bound(HELD);
        self.tasks.bound(HELD);
        self.projects.bound(HELD);
        self.images.bound(HELD);
        self.answers.clear();
        self.segments.bound(HELD);
        self.waited.take_if(|waited| waited.len() > HELD);
        Ok(EventSeq(event))
    }

    /// The records that fit `tail`, a constant such as `WHERE t.id = $1`. Sees only what was flushed.
    pub async fn select<R: Record>(&mut self, tail: &str, line: Line) -> Answer<Vec<R>> {
        select(&mut self.connection, tail, line).await
    }

    /// Writes directly. An operation that does so refuses nothing from here on.
    pub async fn execute(&mut self, sql: &'static str, line: Line) -> Answer<u64> {
        self.wrote = true;
        Ok(sqlx::query_with(sql, line.arguments).execute(&mut self.connection).await?.rows_affected())
    }

    /// One number of each row, ids say.
    pub async fn numbers(&mut self, sql: &'static str, line: Line) -> Answer<Vec<i64>> {
        let rows = sqlx::query_with(sql, line.arguments).fetch_all(&mut self.connection).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    pub async fn store<R: Record>(&mut self, rows: &[R]) -> Answer<()> {
        self.wrote |= !rows.is_empty();
        let mut rest = rows;
        for lines in LINES {
            while rest.len() >= lines {
                let (some, others) = rest.split_at(lines);
                let mut line = Line::default();
                some.iter().for_each(|row| row.write(&mut line));
                let text = self.texts.entry((R::TABLE.name, lines)).or_insert_with(|| R::TABLE.insert(lines).into());
                let sql = AssertSqlSafe(Arc::clone(text));
                sqlx::query_with(sql, line.arguments).execute(&mut self.connection).await?;
                rest = others;
            }
        }
        Ok(())
    }
}

/// The records that fit a constant `tail`.
pub(crate) async fn select<'c, R: Record>(
    executor: impl Executor<'c, Database = Any>,
    tail: &str,
    line: Line,
) -> Answer<Vec<R>> {
    let table = R::TABLE;
    let sql = format!("SELECT {} FROM {} t {tail}", table.select("t"), table.name);
    let rows = sqlx::query_with(AssertSqlSafe(sql), line.arguments).fetch_all(executor).await?;
    rows.iter().map(Reader::record).collect()
}
