//! Which hosts this worker serves: the server records that its token covers, each with a consumer of its own.

use crate::consume::{Consume, Taken};
use crate::errands::Errands;
use crate::report::Inventory;
use crate::slots::{DriverSlots, Slots};
use crate::{Limits, Worker, report};
use ::hosts::Host;
use ::hosts::phantom::Phantom;
use model::ServerType;
use model::server::Server;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, info, info_span, warn};

/// How soon a worker without any host looks again.
const NO_HOST_YET: Duration = Duration::from_millis(250);

pub(crate) struct Fleet {
    worker: Worker,
    attempts: TaskTracker,
    shutdown: CancellationToken,
    drivers: Arc<DriverSlots>,
    errands: Errands,
    served: HashMap<String, Served>,
}

/// A host with its consumer.
struct Served {
    address: String,
    server_type: ServerType,
    host: Arc<dyn Host>,
    slots: Arc<Slots>,
    live: Arc<AtomicBool>,
    stop: CancellationToken,
    consumer: JoinHandle<()>,
    warnings: Vec<String>,
    inventory: Inventory,
}

impl Fleet {
    pub fn new(worker: Worker, attempts: TaskTracker, shutdown: CancellationToken) -> Self {
        let errands = Errands::start(worker.clone(), shutdown.clone());
        Self { worker, attempts, shutdown, drivers: Arc::new(DriverSlots::new(1)), errands, served: HashMap::new() }
    }

    /// Comes soon while there is no host, never otherwise: the heartbeat is enough.
    pub async fn waits_for_hosts(&self) {
        if self.served.is_empty() {
            tokio::time::sleep(NO_HOST_YET).await;
        } else {
            std::future::pending::<()>().await;
        }
    }

    /// Every consumer is live; a worker without hosts is not ready.
    pub fn is_consuming(&self) -> bool {
        !self.served.is_empty() && self.served.values().all(|served| served.live.load(Ordering::Relaxed))
    }

    /// Follows the server records and the limits, and reports each host.
    pub async fn refresh(&mut self, limits: &Limits) {
        self.drivers.resize(limits.per_driver);
        let servers = match self.worker.client.hosts().await {
            Ok(page) => page.items,
            Err(failure) => {
                warn!(%failure, "the server records cannot be read; going on with those that are known");
                return;
            }
        };
        let wanted: Vec<Server> = servers
            .into_iter()
            .filter(|server| limits.hosts.is_empty() || limits.hosts.contains(&server.spec.name))
            .collect();
        let gone: Vec<String> = self
            .served
            .iter()
            .filter(|(name, served)| {
                !wanted.iter().any(|server| server.spec.name == **name && server.spec.address == served.address)
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            if let Some(served) = self.served.remove(&name) {
                info!(host = name, "no longer served");
                served.stop.cancel();
            }
        }
        for server in &wanted {
            let name = &server.spec.name;
            if !self.served.contains_key(name) {
                let served = self.serve(server, limits).await;
                self.served.insert(name.clone(), served);
            }
        }
        self.served.values().for_each(|served| served.slots.resize(limits.per_host));
        // Side by side: one host that hangs does not keep the others from being reported.
        let worker = &self.worker;
        let reports = self.served.iter_mut().map(|(name, served)| {
            let server = wanted.iter().find(|server| server.spec.name == *name);
            async move {
                if let Some(server) = server {
                    served.inventory.refresh(served.host.as_ref(), &server.spec).await;
                }
                let (host, devices) = (served.host.as_ref(), &served.inventory.devices);
                report::send(worker, host, served.server_type, &served.warnings, devices).await;
            }
        });
        futures::future::join_all(reports).await;
        self.errands.serve(self.served.values().map(|served| served.host.clone()));
    }

    async fn serve(&self, server: &Server, limits: &Limits) -> Served {
        let name = server.spec.name.clone();
        let host = self.open(server);
        let warnings = report::warnings(host.as_ref(), server.spec.server_type).await;
        let mut inventory = Inventory::default();
        inventory.refresh(host.as_ref(), &server.spec).await;
        for warning in &warnings {
            warn!(host = name, "{warning}");
        }
        let slots = Arc::new(Slots::new(limits.per_host));
        let live = Arc::new(AtomicBool::new(false));
        let stop = self.shutdown.child_token();
        let consume = Consume {
            worker: self.worker.clone(),
            host: host.clone(),
            slots: slots.clone(),
            drivers: self.drivers.clone(),
            attempts: self.attempts.clone(),
            live: live.clone(),
            shutdown: self.shutdown.clone(),
        };
        let prefetch = u16::try_from(limits.per_host * 2).unwrap_or(u16::MAX);
        let consumer =
            tokio::spawn(Taken::run(consume, prefetch, stop.clone()).instrument(info_span!("consume", host = name)));
        info!(host = name, address = server.spec.address, "serving");
        let (address, server_type) = (server.spec.address.clone(), server.spec.server_type);
        Served { address, server_type, host, slots, live, stop, consumer, warnings, inventory }
    }

    fn open(&self, server: &Server) -> Arc<dyn Host> {
        let name = &server.spec.name;
        if let Some(stand_in) = self.worker.stand_ins.iter().find(|host| host.name() == name) {
            return stand_in.clone();
        }
        match server.spec.server_type {
            ServerType::Phantom => Arc::new(Phantom::new(name)),
            ServerType::Hyperv => ::hosts::open_windows(name, &server.spec.address, &self.worker.ssh),
            ServerType::Kvm | ServerType::Router | ServerType::Ceph => {
                ::hosts::open(name, &server.spec.address, &self.worker.ssh)
            }
        }
    }

    /// Takes no more messages; those that were not begun go back to the queue.
    pub async fn stop(&mut self) {
        for (_, served) in self.served.drain() {
            served.stop.cancel();
            if let Err(error) = served.consumer.await {
                warn!(%error, "a consumer did not end well");
            }
        }
        self.errands.stop().await;
    }
}
