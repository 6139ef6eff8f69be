//! The schema: numbered steps, the same on both databases, each carried out once.

use crate::connect::Target;
use crate::refusal::{Answer, Refusal};
use errors::{Fault, operate};
use sqlx::{AnyConnection, Row};
use std::time::Duration;

/// In order; a step that was released is never changed, the next one is added.
const STEPS: &[&str] = &[
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_companions.sql"),
    include_str!("../migrations/0003_drift.sql"),
    include_str!("../migrations/0004_errands.sql"),
    include_str!("../migrations/0005_verify.sql"),
    include_str!("../migrations/0006_touched.sql"),
    include_str!("../migrations/0007_pairs.sql"),
];

/// Two processes that start at once on an empty database may get into each other's way; the slower one looks again.
const TRIES: u32 = 20;
const PACE: Duration = Duration::from_millis(100);

pub(crate) async fn run(target: &Target) -> Answer<()> {
    let mut pace = tokio::time::interval(PACE);
    let mut tries = 0;
    loop {
        pace.tick().await;
        tries += 1;
        match once(target).await {
            Err(refusal) if refusal.is_outage() && tries < TRIES => {}
            other => return other,
        }
    }
}

async fn once(target: &Target) -> Answer<()> {
    bring_up(&mut target.connect().await?).await
}

async fn bring_up(connection: &mut AnyConnection) -> Answer<()> {
    let sql = "CREATE TABLE IF NOT EXISTS schema_version (one BIGINT PRIMARY KEY, version BIGINT NOT NULL)";
    sqlx::raw_sql(sql).execute(&mut *connection).await?;
    sqlx::raw_sql("INSERT INTO schema_version VALUES (1, 0) ON CONFLICT DO NOTHING").execute(&mut *connection).await?;
    sqlx::raw_sql("BEGIN").execute(&mut *connection).await?;
    // Takes the row's lock: one process migrates, the others wait for it.
    let sql = "UPDATE schema_version SET version = version WHERE one = 1 RETURNING version";
    let found: i64 = sqlx::query(sql).fetch_one(&mut *connection).await?.try_get(0)?;
    let known = STEPS.len() as i64;
    if found > known {
        return Err(Refusal::from(Fault::new(&operate::STORE_NEWER).hole("found", found).hole("known", known)));
    }
    for (number, step) in STEPS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        sqlx::raw_sql(*step).execute(&mut *connection).await?;
        let sql = "UPDATE schema_version SET version = $1 WHERE one = 1";
        sqlx::query(sql).bind(number as i64 + 1).execute(&mut *connection).await?;
    }
    sqlx::raw_sql("COMMIT").execute(connection).await?;
    Ok(())
}
