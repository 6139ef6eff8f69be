//! The schema: numbered steps, the same on both databases, each carried out once.

use crate::connect::Target;
use crate::refusal::{Answer, Refusal};
use errors::{Fault, operate};
use sqlx::{AnyConnection, Row};

/// In order; a step that was released is never changed, the next one is added.
const STEPS: &[&str] = &[include_str!("../migrations/0001_first.sql")];

pub(crate) async fn run(target: &Target) -> Answer<()> {
    // Two processes that start at once on an empty PostgreSQL may both make the first table; the slower one looks again.
    let mut tries = 0;
    loop {
        let mut connection = target.connect().await?;
        tries += 1;
        match bring_up(&mut connection).await {
            Err(refusal) if refusal.is_outage() && tries < 3 => {}
            other => return other,
        }
    }
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
