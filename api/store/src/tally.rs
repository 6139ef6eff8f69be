//! Counts for metrics, kept along with the rows: reading them costs the same for ten resources and for a million.

use crate::Store;
use crate::limits::moment;
use crate::record::Line;
use crate::refusal::{Answer, Refusal};
use crate::rows::Tally;
use crate::unit::select;
use model::task::TaskStatus;
use model::{Kind, State};
use sqlx::Row;
use std::str::FromStr;

impl Store {
    pub async fn resources_by_state(&self) -> Answer<Vec<(Kind, State, u64)>> {
        self.tallies("resource").await
    }

    pub async fn tasks_by_status(&self) -> Answer<Vec<(Kind, TaskStatus, u64)>> {
        self.tallies("task").await
    }

    /// How long the longest waiting queued task has been queued.
    pub async fn oldest_queued_secs(&self) -> Answer<Option<f64>> {
        let sql = "SELECT min(requested_at) FROM tasks WHERE status = 'queued'";
        let oldest: Option<i64> = sqlx::query(sql).fetch_one(self.pool()).await?.try_get(0)?;
        Ok(oldest.map(|at| (self.now().duration_since(moment(at)).as_secs_f64()).max(0.0)))
    }

    async fn tallies<W: FromStr>(&self, what: &str) -> Answer<Vec<(Kind, W, u64)>> {
        let mut line = Line::default();
        line.text(what);
        let rows: Vec<Tally> =
            select(self.pool(), "WHERE t.what = $1 AND t.count > 0 ORDER BY t.kind, t.word", line).await?;
        let one = |row: Tally| {
            let word = row.word.parse().map_err(|_| Refusal::unexpected("a tally has an unknown word"))?;
            Ok((row.kind, word, u64::try_from(row.count).unwrap_or(0)))
        };
        rows.into_iter().map(one).collect()
    }
}
