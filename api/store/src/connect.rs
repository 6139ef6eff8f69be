//! Connections: which database it is, and how each connection to it is set.

use crate::refusal::{Answer, Refusal};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection};
use std::str::FromStr;
use std::sync::Once;
use std::time::Duration;

/// Where the database is.
#[derive(Clone)]
pub(crate) struct Target {
    options: AnyConnectOptions,
    engine: Engine,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Engine {
    Sqlite,
    Postgres,
}

/// How long a reader waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// A connection that was idle for longer is tried before it is used.
const STALE: Duration = Duration::from_secs(1);

impl Target {
    pub fn parse(url: &str) -> Answer<Self> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let wrong = |_| Refusal::outage("its address is not valid");
        let mut url = url::Url::parse(url).map_err(|_| Refusal::outage("its address is not valid"))?;
        let engine = match url.scheme() {
            "sqlite" => Engine::Sqlite,
            "postgres" | "postgresql" => Engine::Postgres,
            other => return Err(Refusal::outage(format_args!("{other} is neither sqlite nor postgres"))),
        };
        let has = |name: &str| url.query_pairs().any(|(key, _)| key == name);
        let (name, value) = match engine {
            Engine::Sqlite => ("mode", "rwc"),
            Engine::Postgres => ("statement-cache-capacity", "256"),
        };
        if !has(name) {
            url.query_pairs_mut().append_pair(name, value);
        }
        let options = AnyConnectOptions::from_str(url.as_str()).map_err(wrong)?;
        Ok(Self { options: options.disable_statement_logging(), engine })
    }

    /// Whether several processes may use it.
    pub fn is_shared(&self) -> bool {
        self.engine == Engine::Postgres
    }

    pub async fn connect(&self) -> Result<AnyConnection, sqlx::Error> {
        let mut connection = AnyConnection::connect_with(&self.options).await?;
        set(&mut connection, self.engine).await?;
        Ok(connection)
    }

    pub async fn pool(&self, readers: u32) -> Answer<AnyPool> {
        let engine = self.engine;
        let options = AnyPoolOptions::new()
            .max_connections(readers.max(1))
            .acquire_timeout(PATIENCE)
            .test_before_acquire(false)
            .after_connect(move |connection, _| Box::pin(set(connection, engine)))
            .before_acquire(|connection, seen| {
                Box::pin(async move {
                    if seen.idle_for > STALE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            });
        Ok(options.connect_with(self.options.clone()).await?)
    }
}

async fn set(connection: &mut AnyConnection, engine: Engine) -> Result<(), sqlx::Error> {
    if engine == Engine::Sqlite {
        let sql = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
        sqlx::raw_sql(sql).execute(connection).await?;
    }
    Ok(())
}
