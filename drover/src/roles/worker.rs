//! `drover worker`

use super::{own_name, required, serve_health};
use crate::cli::Global;
use service::config::{Config, Loaded};
use service::health::Checks;
use service::{notify, shutdown};
use std::time::Duration;
use tokio::sync::watch;
use tracing::{info, warn};
use worker::{Health, Limits, Worker};

pub fn limits(config: &Config) -> Limits {
    Limits {
        hosts: config.worker.hosts.clone(),
        per_host: config.worker.per_host,
        per_driver: config.worker.per_driver,
    }
}

pub async fn run(loaded: Loaded, _global: Global) -> anyhow::Result<()> {
    let config = loaded.config.clone();
    let _telemetry = service::start("worker", &config.telemetry)?;
    let shutdown = shutdown::token()?;
    let queue = crate::client::queue::open(&config).await?;
    let worker = Worker {
        name: config.worker.name.clone().unwrap_or_else(own_name),
        client: iaas::Client::new(&config.client.url, required(&config.client.token, "client.token")?.clone()),
        queue: queue.clone(),
        locks: ::locks::Client::new(&config.locks.url, required(&config.locks.token, "locks.token")?.clone()),
        ssh: hosts::ssh::SshOptions {
            identity: config.worker.ssh_identity.clone(),
            known_hosts: config.worker.known_hosts.clone(),
        },
        drain: Duration::from_secs(config.worker.drain_secs),
        stand_ins: Vec::new(),
        notify: config.worker.notify.clone().into(),
        hook: None,
    };
    let health = Health::default();
    let consuming = health.clone();
    let checks = Checks::new()
        .with("queue", move || {
            let queue = queue.clone();
            async move { queue.ready().await.map_err(|fault| fault.chain()) }
        })
        .with("consumers", move || {
            let consuming = consuming.is_consuming();
            async move { if consuming { Ok(()) } else { Err("not every host has a live consumer".to_owned()) } }
        });
    let (tell, follow) = watch::channel(limits(&config));
    tokio::spawn(reload(loaded, tell));
    notify::tell("READY=1");
    info!(worker = worker.name, "the worker serves");
    let serve = serve_health(&config.worker.listen, checks, shutdown.clone());
    let ((), served) = tokio::join!(worker.run(follow, health, shutdown.clone()), serve);
    served
}

/// Reads the configuration again at each SIGHUP; one that is not valid changes nothing.
async fn reload(mut loaded: Loaded, tell: watch::Sender<Limits>) {
    let Ok(mut hangups) = shutdown::hangups() else { return };
    while hangups.recv().await.is_some() {
        match loaded.again() {
            Ok(fresh) => {
                loaded = fresh;
                info!("configuration reloaded");
                tell.send_replace(limits(&loaded.config));
            }
            Err(fault) => warn!(reason = fault.chain(), "the configuration is not valid; the old one stays"),
        }
    }
}
