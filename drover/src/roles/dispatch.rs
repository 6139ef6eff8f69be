//! `drover dispatch`

use super::{own_name, required, serve_health};
use dispatcher::Dispatcher;
use lifecycle::Outbox;
use service::config::Config;
use service::health::Checks;
use service::{notify, shutdown};
use std::time::Duration;

pub async fn run(config: Config) -> anyhow::Result<()> {
    let _telemetry = service::start("dispatch", &config.telemetry)?;
    let shutdown = shutdown::token()?;
    let queue = crate::client::queue::open(&config).await?;
    let client = iaas::Client::new(&config.client.url, required(&config.client.token, "client.token")?.clone());
    let checks = Checks::new().with("queue", {
        let queue = queue.clone();
        move || {
            let queue = queue.clone();
            async move { queue.ready().await.map_err(|fault| fault.chain()) }
        }
    });
    let dispatcher = Dispatcher {
        client,
        outbox: Outbox::new(queue),
        drivers: worker::drivers::ALL,
        name: config.dispatch.name.clone().unwrap_or_else(own_name),
        sweep_every: Duration::from_secs(config.dispatch.sweep_secs),
    };
    notify::tell("READY=1");
    let health = serve_health(&config.dispatch.listen, checks, shutdown.clone());
    let ((), health) = tokio::join!(dispatcher.run(shutdown.clone()), health);
    health
}
