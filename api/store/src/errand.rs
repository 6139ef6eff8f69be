//! Errands: asked for, taken by a worker with a lease, settled. They move no resource.
//!
//! Guarantees: an attempt's writes carry its number, and a superseded one's are refused. An errand whose worker was lost is
//! queued again by the sweep, and fails after it was lost too often; one that nobody takes fails when it is too late.

use crate::limits::later;
use crate::page::{Cut, Where, list, read};
use crate::record::Line;
use crate::refusal::{Answer, Refusal};
use crate::rows::ErrandRow;
use crate::unit::{Unit, select};
use crate::{Store, Who};
use errors::{Fault, iaas as codes};
use iaas::fleet::{ErrandOutcome, RenewErrand, SettleErrand, TakeErrands};
use iaas::tenant::{AskErrand, ErrandFilter, OrphanFilter, Page};
use model::errand::{Errand, ErrandStatus, Orphan, Taken, What};
use model::server::Server;
use model::task::ErrorRecord;
use model::{ErrandId, EventSeq, OrphanId, ServerType};
use sqlx::Row;
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

/// How often an errand is looked at that somebody waits for; it has no event.
const LOOK: Duration = Duration::from_millis(200);
/// Who asks for the surveys that nobody asked for.
const BY: &str = "schedule";
const DUE: &str = "SELECT id FROM errands WHERE due_at <= $1 ORDER BY due_at LIMIT $2";
/// How long verifications are kept, in hours.
const VERIFIED_KEPT_HOURS: u32 = 30 * 24;
/// How many one sweep looks at.
const MOST: i64 = 500;

impl Store {
    /// Asked twice, it is one errand as long as nobody has taken it. Refused with `ORPHAN_OWNED`, `ORPHAN_ASIDE`,
    /// `ORPHAN_IN_PLACE`, `ORPHAN_BUSY`, `NOTHING_TO_SURVEY`, `BACKUP_UNVERIFIABLE`.
    pub async fn errand_ask(&self, ask: AskErrand, who: &Who) -> Answer<Errand> {
        let by = who.name.clone();
        self.write(move |unit| Box::pin(async move { unit.errand_ask(ask, &by).await })).await
    }

    pub async fn errand_read(&self, id: ErrandId) -> Answer<Errand> {
        let row: Option<ErrandRow> = read(self.pool(), id.0).await?;
        row.map(|row| row.errand).ok_or_else(|| Refusal::not_found("errand", id))
    }

    /// The errand when it has ended, or as it is when the time is over.
    pub async fn errand_settled(&self, id: ErrandId, limit: Duration) -> Answer<Errand> {
        let end = Instant::now() + limit;
        loop {
            let errand = self.errand_read(id).await?;
            let left = end.saturating_duration_since(Instant::now());
            if errand.status.has_ended() || left.is_zero() {
                return Ok(errand);
            }
            tokio::time::sleep(LOOK.min(left)).await;
        }
    }

    pub async fn errand_list(&self, filter: &ErrandFilter) -> Answer<Page<Errand>> {
        let cut = Cut::of(filter.cursor.as_deref(), filter.limit)?;
        let mut rows = Where::after(&cut);
        rows.text("host", filter.host.as_deref());
        rows.text("word", filter.what.as_deref());
        rows.text("status", filter.status.map(ErrandStatus::word));
        let (tail, line) = rows.limit(&cut);
        let rows: Vec<ErrandRow> = select(self.pool(), &tail, line).await?;
        Ok(cut.page(rows.into_iter().map(|row| row.errand).collect(), |errand| errand.id.0))
    }

    pub async fn orphan_list(&self, filter: &OrphanFilter) -> Answer<Page<Orphan>> {
        if filter.host.is_none() && filter.sort.is_none() {
            return list(self.pool(), filter.cursor.as_deref(), filter.limit, |orphan: &Orphan| orphan.id.0).await;
        }
        let cut = Cut::of(filter.cursor.as_deref(), filter.limit)?;
        let mut rows = Where::after(&cut);
        rows.text("host", filter.host.as_deref());
        rows.text("sort", filter.sort.map(model::errand::Sort::word));
        let (tail, line) = rows.limit(&cut);
        Ok(cut.page(select(self.pool(), &tail, line).await?, |orphan: &Orphan| orphan.id.0))
    }

    pub async fn orphan_read(&self, id: OrphanId) -> Answer<Orphan> {
        read(self.pool(), id.0).await?.ok_or_else(|| Refusal::not_found("orphan", id))
    }

    /// At most one errand for each of the hosts, the oldest.
    pub async fn errands_take(&self, mut take: TakeErrands, who: &Who) -> Answer<Vec<Taken>> {
        for host in &take.hosts {
            who.serves(host)?;
        }
        // Nearly always there is nothing, and nobody needs the writer.
        let sql = "SELECT DISTINCT host FROM errands WHERE status = 'queued'";
        let rows = sqlx::query(sql).fetch_all(self.pool()).await?;
        let queued = rows.iter().map(|row| row.try_get(0)).collect::<Result<HashSet<String>, _>>()?;
        take.hosts.retain(|host| queued.contains(host));
        if take.hosts.is_empty() {
            return Ok(Vec::new());
        }
        self.write(move |unit| Box::pin(async move { unit.errands_take(&take).await })).await
    }

    /// Gives the lease that it has from now on.
    pub async fn errand_renew(&self, id: ErrandId, renew: RenewErrand, who: &Who) -> Answer<u32> {
        let who = who.clone();
        self.write(move |unit| Box::pin(async move { unit.errand_renew(id, renew, &who).await })).await
    }

    /// Said again, it is settled already.
    pub async fn errand_settle(&self, id: ErrandId, settle: SettleErrand, who: &Who) -> Answer<()> {
        let who = who.clone();
        self.write(move |unit| Box::pin(async move { unit.errand_settle(id, settle, &who).await })).await
    }
}

/// Whether drover makes anything there that a survey could find.
pub(crate) fn has_things(server: &Server) -> bool {
    match server.spec.server_type {
        ServerType::Kvm | ServerType::Hyperv | ServerType::Router | ServerType::Ceph => true,
        ServerType::Phantom => false,
    }
}

impl Unit {
    async fn errand_ask(&mut self, ask: AskErrand, by: &str) -> Answer<Errand> {
        self.flush().await?;
        let (server, what) = match ask {
            AskErrand::Survey { host } => {
                let server = self.servers.iter().find(|row| row.server.spec.name == host);
                let server = server.ok_or_else(|| Refusal::not_found("server", &host))?.server.clone();
                if !has_things(&server) {
                    let refused = Fault::new(&codes::NOTHING_TO_SURVEY).hole("host", host);
                    return Err(refused.hole("type", server.spec.server_type).into());
                }
                (server, What::Survey)
            }
            AskErrand::Quarantine { orphan } => self.orphan_act(orphan, |found| What::Quarantine { found }).await?,
            AskErrand::Restore { orphan } => self.orphan_act(orphan, |found| What::Restore { found }).await?,
            AskErrand::Purge { orphan, now } => self.orphan_act(orphan, |found| What::Purge { found, now }).await?,
            AskErrand::Verify { backup, repository } => self.verification(backup, repository).await?,
        };
        for row in self.errands_open(&server).await? {
            match (&row.errand.what, &what) {
                // What only looks and has been taken may have looked already.
                (known, what)
                    if known == what && (known.found().is_some() || row.errand.status == ErrandStatus::Queued) =>
                {
                    return Ok(row.errand);
                }
                (known, what)
                    if known.found().is_some() && known.found().map(|f| f.key()) == what.found().map(|f| f.key()) =>
                {
                    let busy = Fault::new(&codes::ORPHAN_BUSY).hole("errand", row.errand.id).hole("what", known);
                    return Err(busy.hole("host", server.spec.name).into());
                }
                _ => {}
            }
        }
        self.errand_new(&server, what, by).await
    }

    async fn orphan_act(
        &mut self,
        id: OrphanId,
        what: impl FnOnce(model::errand::Found) -> What,
    ) -> Answer<(Server, What)> {
        let orphan: Orphan = self.find(id.0).await?.ok_or_else(|| Refusal::not_found("orphan", id))?;
        let server = self.servers.get(&orphan.server_id).ok_or_else(|| Refusal::not_found("server", &orphan.host))?;
        let server = server.server.clone();
        let aside = orphan.set_aside_at.is_some();
        let what = what(orphan.found.clone());
        let refused = |entry| Fault::new(entry).hole("found", &orphan.found).hole("host", &orphan.host);
        match &what {
            What::Quarantine { .. } if aside => return Err(refused(&codes::ORPHAN_ASIDE).into()),
            What::Restore { .. } | What::Purge { now: false, .. } if !aside => {
                return Err(refused(&codes::ORPHAN_IN_PLACE).into());
            }
            What::Restore { .. } | What::Survey | What::Verify { .. } => {}
            What::Quarantine { .. } | What::Purge { .. } => {
                if let Some(owner) = self.owner(&server, &orphan.found, EventSeq(self.counters.event)).await? {
                    return Err(refused(&codes::ORPHAN_OWNED).hole("owner", owner).into());
                }
            }
        }
        Ok((server, what))
    }

    async fn errands_open(&mut self, server: &Server) -> Answer<Vec<ErrandRow>> {
        let mut line = Line::default();
        line.int(server.id.0);
        self.select("WHERE t.due_at IS NOT NULL AND t.server_id = $1 ORDER BY t.id", line).await
    }

    async fn errand_new(&mut self, server: &Server, what: What, by: &str) -> Answer<Errand> {
        self.counters.errand += 1;
        let errand = Errand {
            id: ErrandId(self.counters.errand),
            server_id: server.id,
            host: server.spec.name.clone(),
            what,
            status: ErrandStatus::Queued,
            asked_by: by.to_owned(),
            attempts: 0,
            worker: None,
            surveyed: None,
            verified: None,
            note: None,
            error: None,
            requested_at: self.now,
            started_at: None,
            ended_at: None,
        };
        let due_at = Some(later(self.now, self.limits.queue_deadline_secs));
        let row = ErrandRow { errand: errand.clone(), due_at, as_of: EventSeq(0) };
        self.store(&[row]).await?;
        Ok(errand)
    }

    /// A survey of a host whose worker has just spoken, when it is time for one. Gives when the next one is due.
    pub async fn survey_if_due(&mut self, row: &mut crate::rows::ServerRow) -> Answer<()> {
        let secs = self.limits.survey_secs;
        let server = &row.server;
        let may = secs > 0 && server.spec.enabled && has_things(server) && row.survey_at <= self.now;
        if !may || server.worker.as_ref().is_none_or(|report| report.host_error.is_some()) {
            return Ok(());
        }
        row.survey_at = later(self.now, secs);
        let server = row.server.clone();
        if !self.errands_open(&server).await?.iter().any(|row| row.errand.what == What::Survey) {
            self.errand_new(&server, What::Survey, BY).await?;
        }
        Ok(())
    }

    async fn errands_take(&mut self, take: &TakeErrands) -> Answer<Vec<Taken>> {
        let lease_secs = self.limits.lease_secs;
        let mut all = Vec::new();
        for host in &take.hosts {
            let Some(server) = self.servers.iter().find(|row| row.server.spec.name == *host) else { continue };
            let server = server.server.clone();
            let mut line = Line::default();
            line.text(host);
            let oldest = "WHERE t.status = 'queued' AND t.host = $1 ORDER BY t.id LIMIT 1";
            let Some(mut row) = self.select::<ErrandRow>(oldest, line).await?.pop() else { continue };
            row.errand.status = ErrandStatus::Running;
            row.errand.attempts += 1;
            row.errand.worker = Some(take.worker.clone());
            row.errand.started_at = Some(self.now);
            row.due_at = Some(later(self.now, lease_secs));
            row.as_of = EventSeq(self.counters.event);
            all.push(Taken { errand: row.errand.clone(), server, lease_secs });
            self.store(&[row]).await?;
        }
        Ok(all)
    }

    /// The errand, when this attempt is the one that works, or has ended it.
    async fn errand_of(&mut self, id: ErrandId, attempt: u32, who: &Who) -> Answer<ErrandRow> {
        let row: ErrandRow = self.find(id.0).await?.ok_or_else(|| Refusal::not_found("errand", id))?;
        who.serves(&row.errand.host)?;
        if row.errand.attempts != attempt || row.errand.status == ErrandStatus::Queued {
            return Err(Fault::new(&codes::ERRAND_SUPERSEDED).hole("errand", id).hole("attempt", attempt).into());
        }
        Ok(row)
    }

    async fn errand_renew(&mut self, id: ErrandId, renew: RenewErrand, who: &Who) -> Answer<u32> {
        let lease_secs = self.limits.lease_secs;
        let mut row = self.errand_of(id, renew.attempt, who).await?;
        if row.errand.status == ErrandStatus::Running {
            row.errand.note = renew.note.or(row.errand.note);
            row.due_at = Some(later(self.now, lease_secs));
            self.store(&[row]).await?;
        }
        Ok(lease_secs)
    }

    async fn errand_settle(&mut self, id: ErrandId, settle: SettleErrand, who: &Who) -> Answer<()> {
        self.flush().await?;
        let mut row = self.errand_of(id, settle.attempt, who).await?;
        if row.errand.status.has_ended() {
            return Ok(());
        }
        match settle.outcome {
            ErrandOutcome::Surveyed { found } => row.errand.surveyed = Some(self.surveyed(&row, found).await?),
            ErrandOutcome::Verified { verified } => self.verified(&mut row.errand, verified).await?,
            ErrandOutcome::Done => self.acted(&row.errand).await?,
            ErrandOutcome::Failed { error } => row.errand.error = Some(error),
        }
        self.errand_end(row).await
    }

    async fn errand_end(&mut self, mut row: ErrandRow) -> Answer<()> {
        let failed = row.errand.error.is_some();
        row.errand.status = if failed { ErrandStatus::Failed } else { ErrandStatus::Succeeded };
        row.errand.ended_at = Some(self.now);
        row.due_at = None;
        row.errand.note = None;
        self.errands_prune(&row.errand).await?;
        self.store(&[row]).await
    }

    /// What only looked says less the older it is; the others are the trail of who did what.
    async fn errands_prune(&mut self, ended: &Errand) -> Answer<()> {
        let hours = match ended.what {
            What::Survey => self.limits.surveys_kept_hours,
            What::Verify { .. } => VERIFIED_KEPT_HOURS,
            What::Quarantine { .. } | What::Restore { .. } | What::Purge { .. } => return Ok(()),
        };
        let mut line = Line::default();
        line.int(ended.server_id.0);
        line.text(ended.what.word());
        line.moment(later(self.now, -3600 * i64::from(hours)));
        let sql = "DELETE FROM errands WHERE server_id = $1 AND word = $2 AND ended_at <= $3";
        self.execute(sql, line).await?;
        Ok(())
    }

    /// Errands whose worker was silent for the length of its lease, and those that nobody took. Gives how many of each
    /// go on, and how many have failed.
    pub async fn sweep_errands(&mut self) -> Answer<(u32, u32)> {
        let mut line = Line::default();
        line.moment(self.now);
        line.int(MOST);
        let (mut again, mut failed) = (0, 0);
        for id in self.numbers(DUE, line).await? {
            let Some(mut row) = self.find::<ErrandRow>(id).await? else { continue };
            let errand = &mut row.errand;
            let fault = match errand.status {
                ErrandStatus::Running if errand.attempts < self.limits.lost_most => {
                    errand.status = ErrandStatus::Queued;
                    row.due_at = Some(later(self.now, self.limits.queue_deadline_secs));
                    self.store(&[row]).await?;
                    again += 1;
                    continue;
                }
                ErrandStatus::Running => Fault::new(&codes::ERRAND_LOST).hole("attempts", errand.attempts),
                _ => Fault::new(&codes::ERRAND_LATE).hole("secs", self.limits.queue_deadline_secs),
            };
            let fault = fault.hole("errand", errand.id).hole("host", &errand.host);
            errand.error = Some(ErrorRecord::of(&fault, None, Some(&errand.host)));
            self.errand_end(row).await?;
            failed += 1;
        }
        Ok((again, failed))
    }

    /// With its server.
    pub async fn errands_forget(&mut self, server: model::ServerId) -> Answer<()> {
        for sql in [
            "DELETE FROM orphans WHERE server_id = $1",
            "DELETE FROM errands WHERE server_id = $1 AND due_at IS NOT NULL",
        ] {
            let mut line = Line::default();
            line.int(server.0);
            self.execute(sql, line).await?;
        }
        Ok(())
    }
}
