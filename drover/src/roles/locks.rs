//! `drover locks`

use super::required;
use secrecy::ExposeSecret;
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
    let registers = required(&config.locks.registers, "locks.registers")?;
    let listener = http::bind(&config.locks.listen).await?;
    let locks = ::locks::service(&access, registers.expose_secret()).await?;
    tracing::info!(address = %listener.local_addr()?, "the lock service listens");
    notify::tell("READY=1");
    let checked = locks.clone();
    let checks = Checks::new().with("registers", move || {
        let locks = checked.clone();
        async move { locks.check().await.map_err(|fault| fault.chain()) }
    });
    let router = ::locks::router(locks.clone()).merge(health::router(checks));
    let router = router.layer(axum::middleware::from_fn(http::trace_layer));
    let ends = (locks.clone(), shutdown.clone());
    tokio::spawn(async move {
        ends.1.cancelled().await;
        ends.0.hand_over();
    });
    tokio::select! {
        served = http::serve(listener, router, shutdown) => {
            locks.close().await;
            Ok(served?)
        }
        () = locks.gone() => anyhow::bail!("the lock service has ended by a defect: its log says which"),
    }
}
