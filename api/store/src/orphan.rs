//! Orphans: which of the things that a survey has found belong to no record.
//!
//! Guarantees: a thing is judged only by what was true for the whole survey. What belongs to a resource that has moved
//! since the survey was taken up, and what an errand acts on meanwhile, is not judged by it.

use crate::Store;
use crate::limits::later;
use crate::record::Line;
use crate::refusal::{Answer, Refusal};
use crate::rows::{ErrandRow, ResourceRow};
use crate::unit::Unit;
use model::errand::{Errand, Found, Orphan, Sort, Surveyed, What};
use model::server::Server;
use model::{EventSeq, OrphanId, ResourceId, SegmentId, State, names};
use serde_json::Value;
use sqlx::Row;
use std::collections::{BTreeMap, BTreeSet};

/// What the records say of one host.
struct Records {
    /// Resources that stand there and are not closed.
    living: BTreeSet<ResourceId>,
    /// Segments, each with a resource that is plugged into it, is to be, or was until just now.
    segments: BTreeMap<SegmentId, ResourceId>,
    as_of: EventSeq,
}

impl Store {
    pub async fn orphans_by_sort(&self) -> Answer<BTreeMap<Sort, u64>> {
        let rows = sqlx::query("SELECT sort, count(*) FROM orphans GROUP BY sort").fetch_all(self.pool()).await?;
        let mut counts: BTreeMap<Sort, u64> = Sort::ALL.iter().map(|sort| (*sort, 0)).collect();
        for row in &rows {
            let (word, count): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
            let sort = word.parse().map_err(|_| Refusal::unexpected("an orphan has an unknown sort"))?;
            counts.insert(sort, u64::try_from(count).unwrap_or(0));
        }
        Ok(counts)
    }
}

impl Unit {
    /// Keeps what the survey has found and nobody owns; what it has not found any more is dropped.
    pub async fn surveyed(&mut self, row: &ErrandRow, found: Vec<Found>) -> Answer<Surveyed> {
        let Some(mut server_row) = self.servers.get(&row.errand.server_id).cloned() else {
            return Ok(Surveyed::default());
        };
        let server = server_row.server.clone();
        let records = self.records(&server, row.as_of).await?;
        let acted_on = self.acted_on(&row.errand).await?;
        let mut line = Line::default();
        line.int(server.id.0);
        let known: Vec<Orphan> = self.select("WHERE t.server_id = $1", line).await?;
        let mut known: BTreeMap<(Sort, String), Orphan> =
            known.into_iter().map(|orphan| ((orphan.found.sort, orphan.found.name.clone()), orphan)).collect();
        let mut surveyed = Surveyed { found: u32::try_from(found.len()).unwrap_or(u32::MAX), orphans: 0 };
        let mut kept = Vec::new();
        known.retain(|key, _| !acted_on.contains(key));
        for found in found {
            let key = (found.sort, found.name.clone());
            if acted_on.contains(&key) {
                continue;
            }
            let before = known.remove(&key);
            let is_orphan = match self.owner_in(&records, &found).await? {
                None => true,
                // What is in quarantine is shown, so that it can be put back.
                Some(_) => found.aside,
            };
            if is_orphan {
                kept.push(self.orphan(before, &server, found));
            } else if let Some(before) = before {
                self.orphan_remove(before.id).await?;
            }
        }
        for gone in known.into_values() {
            self.orphan_remove(gone.id).await?;
        }
        surveyed.orphans = u32::try_from(kept.len()).unwrap_or(u32::MAX);
        self.store(&kept).await?;
        server_row.survey_at = later(self.now, self.limits.survey_secs);
        self.put_server(server_row);
        Ok(surveyed)
    }

    fn orphan(&mut self, before: Option<Orphan>, server: &Server, found: Found) -> Orphan {
        let since = before.as_ref().and_then(|orphan| orphan.set_aside_at).unwrap_or(self.now);
        let set_aside_at = found.aside.then_some(since);
        match before {
            Some(before) => Orphan { found, last_seen: self.now, set_aside_at, ..before },
            None => {
                self.counters.orphan += 1;
                Orphan {
                    id: OrphanId(self.counters.orphan),
                    server_id: server.id,
                    host: server.spec.name.clone(),
                    found,
                    first_seen: self.now,
                    last_seen: self.now,
                    set_aside_at,
                }
            }
        }
    }

    async fn orphan_remove(&mut self, id: OrphanId) -> Answer<()> {
        let mut line = Line::default();
        line.int(id.0);
        self.execute("DELETE FROM orphans WHERE id = $1", line).await?;
        Ok(())
    }

    /// What an errand has done to its orphan.
    pub async fn acted(&mut self, errand: &Errand) -> Answer<()> {
        let Some(found) = errand.what.found() else { return Ok(()) };
        let mut line = Line::default();
        line.int(errand.server_id.0);
        line.text(found.sort.word());
        line.text(&found.name);
        let tail = "WHERE t.server_id = $1 AND t.sort = $2 AND t.name = $3";
        let Some(mut orphan) = self.select::<Orphan>(tail, line).await?.pop() else { return Ok(()) };
        if matches!(errand.what, What::Purge { .. }) {
            return self.orphan_remove(orphan.id).await;
        }
        orphan.found.aside = matches!(errand.what, What::Quarantine { .. });
        orphan.set_aside_at = orphan.found.aside.then_some(self.now);
        self.store(&[orphan]).await
    }

    /// What errands act on, or have acted on since this survey began.
    async fn acted_on(&mut self, survey: &Errand) -> Answer<BTreeSet<(Sort, String)>> {
        let mut line = Line::default();
        line.int(survey.server_id.0);
        line.moment(survey.started_at.unwrap_or(survey.requested_at));
        let tail = "WHERE t.server_id = $1 AND t.word <> 'survey' AND (t.ended_at IS NULL OR t.ended_at >= $2)";
        let rows: Vec<ErrandRow> = self.select(tail, line).await?;
        let key = |row: &ErrandRow| row.errand.what.found().map(|found| (found.sort, found.name.clone()));
        Ok(rows.iter().filter_map(key).collect())
    }

    async fn records(&mut self, server: &Server, as_of: EventSeq) -> Answer<Records> {
        let mut line = Line::default();
        line.text(&server.spec.name);
        let rows: Vec<ResourceRow> = self.select("WHERE t.host = $1 AND t.state <> 'closed'", line).await?;
        let mut segments = BTreeMap::new();
        for row in &rows {
            let id = row.resource.id;
            add_segments(&mut segments, &row.resource.spec, id);
            // On the way from one wish to another, or stuck between them, it may have the old one's yet.
            if matches!(row.resource.state, State::Running | State::Quiesced) {
                continue;
            }
            if let Some(task) = row.resource.task_id
                && let Some(before) = self.task(task).await?.and_then(|task| task.spec_before)
            {
                add_segments(&mut segments, &before, id);
            }
        }
        // Gone from there while the survey looked.
        let mut line = Line::default();
        line.int(as_of.0);
        line.text(&server.spec.name);
        let sql = "SELECT DISTINCT resource_id FROM events WHERE seq > $1 AND host = $2";
        for id in self.numbers(sql, line).await? {
            if let Some(row) = self.resource(ResourceId(id)).await? {
                add_segments(&mut segments, &row.resource.spec, row.resource.id);
            }
        }
        Ok(Records { living: rows.iter().map(|row| row.resource.id).collect(), segments, as_of })
    }

    /// What a thing belongs to now: `resource 7`, `image 5`.
    pub async fn owner(&mut self, server: &Server, found: &Found, as_of: EventSeq) -> Answer<Option<String>> {
        let records = self.records(server, as_of).await?;
        self.owner_in(&records, found).await
    }

    /// What it belongs to, or may belong to.
    async fn owner_in(&mut self, records: &Records, found: &Found) -> Answer<Option<String>> {
        let copied = found.name.split_once('/').and_then(|(_, image)| names::copy_of(image));
        if let Some(image) = copied.filter(|_| found.sort == Sort::Image) {
            return Ok(self.image(image).await?.map(|image| format!("image {}", image.id)));
        }
        Ok(self.resource_in(records, found).await?.map(|id| format!("resource {id}")))
    }

    async fn resource_in(&mut self, records: &Records, found: &Found) -> Answer<Option<ResourceId>> {
        let segment =
            Some(found).filter(|found| found.sort == Sort::Bridge).and_then(|found| names::segment_of(&found.name));
        if let Some(id) = segment.and_then(|segment| records.segments.get(&segment)) {
            return Ok(Some(*id));
        }
        for id in found.resource.iter().chain(&found.users).copied() {
            if records.living.contains(&id) {
                return Ok(Some(id));
            }
            if self.resource(id).await?.is_some_and(|row| owns_elsewhere(&row, found.sort, records.as_of)) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

/// Whether a resource that is closed, or stands on another server, may own a thing here all the same.
fn owns_elsewhere(row: &ResourceRow, sort: Sort, as_of: EventSeq) -> bool {
    if row.changed_seq > as_of {
        return true;
    }
    match row.resource.state {
        State::Closed => false,
        // Repositories and pools are not of one server alone.
        State::Running | State::Quiesced | State::ScrubQueue => matches!(sort, Sort::Backup | Sort::Image),
        // It may be on its way from here, or to here.
        _ => true,
    }
}

/// The segments that a wish names, of a VM's nics or a router's own.
fn add_segments(segments: &mut BTreeMap<SegmentId, ResourceId>, spec: &str, id: ResourceId) {
    let Ok(spec) = serde_json::from_str::<Value>(spec) else { return };
    let numbers = |list: &str, member: &str| {
        let items = spec[list].as_array().cloned().unwrap_or_default();
        items.iter().filter_map(|item| item[member].as_i64()).map(SegmentId).collect::<Vec<_>>()
    };
    let all = numbers("nics", "segment_id").into_iter().chain(numbers("segments", "id"));
    segments.extend(all.map(|segment| (segment, id)));
}
