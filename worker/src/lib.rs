//! The worker: takes tasks off its hosts' queues, runs the driver's verb on the one road, reports how the hosts are.
//!
//! Invariant: it talks to the API, the queue, the lock service and its hosts; never to the database.

pub mod drivers;

mod consume;
mod errands;
mod hosts;
mod report;
mod slots;
mod verify;

use crate::hosts::Fleet;
use ::hosts::ssh::SshOptions;
use lifecycle::Hook;
use queue::Queue;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// How often hosts are looked at and reported; the API calls a worker late after three of these.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// What may change while it runs, by SIGHUP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The hosts to serve, by server name; empty for all that the token covers.
    pub hosts: Vec<String>,
    /// Attempts at once on one host.
    pub per_host: usize,
    /// Attempts at once of one driver.
    pub per_driver: usize,
}

/// What a worker needs.
#[derive(Clone)]
pub struct Worker {
    pub name: String,
    pub client: iaas::Client,
    pub queue: Queue,
    pub locks: locks::Client,
    pub ssh: SshOptions,
    /// How long attempts may take to reach a step boundary at shutdown; what is still at work then is left to the sweep.
    pub drain: Duration,
    /// Hosts that stand in for those that the server records name; none outside tests.
    pub stand_ins: Vec<Arc<dyn ::hosts::Host>>,
    /// A program that is told of each task that fails; nobody when empty.
    pub notify: Arc<[String]>,
    /// Called at each step boundary; none outside tests.
    pub hook: Option<Hook>,
}

/// How the worker is, for `/readyz`.
#[derive(Clone, Default)]
pub struct Health(Arc<AtomicBool>);

impl Health {
    /// Whether every host's consumer is live.
    pub fn is_consuming(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Worker {
    /// Until shutdown; then every attempt hands over at its next step boundary.
    pub async fn run(
        self,
        mut limits: tokio::sync::watch::Receiver<Limits>,
        health: Health,
        shutdown: CancellationToken,
    ) {
        let attempts = TaskTracker::new();
        let mut fleet = Fleet::new(self.clone(), attempts.clone(), shutdown.clone());
        let mut tick = tokio::time::interval(HEARTBEAT);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                _ = tick.tick() => {}
                changed = limits.changed() => if changed.is_ok() { info!("limits reloaded") },
                () = fleet.waits_for_hosts() => {}
            }
            let wanted = limits.borrow_and_update().clone();
            fleet.refresh(&wanted).await;
            health.0.store(fleet.is_consuming(), Ordering::Relaxed);
        }
        fleet.stop().await;
        attempts.close();
        if tokio::time::timeout(self.drain, attempts.wait()).await.is_err() {
            warn!(
                left = attempts.len(),
                "attempts did not reach a step boundary in time; the sweep dispatches them again"
            );
        }
    }
}
