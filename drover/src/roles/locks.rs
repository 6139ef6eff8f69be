//! `drover locks`

use super::required;
use service::config::Config;
use service::health::{self, Checks};
use service::{http, notify, shutdown};

pub async fn run(config: Config) -> anyhow::Result<()> {
    let _telemetry = service::start("locks", &config.telemetry)?;
    let shutdown = shutdown::token()?;
    let access = ::locks::Access {
        worker: required(&config.locks.token, "locks.token")?.clone(),
        operator: required(&config.locks.operator_token, "locks.operator_token")?.clone(),
    };
    let listener = http::bind(&config.locks.listen).await?;
    tracing::info!(address = %listener.local_addr()?, "the lock service listens");
    notify::tell("READY=1");
    let locks = ::locks::service(&access);
    let router = ::locks::router(locks.clone()).merge(health::router(Checks::new()));
    let router = router.layer(axum::middleware::from_fn(http::trace_layer));
    let stop = shutdown.clone();
    tokio::spawn(async move { locks.run_expiry(stop).await });
    Ok(http::serve(listener, router, shutdown).await?)
}
