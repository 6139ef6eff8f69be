//! The heartbeat: whether the host answers, and what an operator should know of it.

use crate::Worker;
use commands::virsh::nodedev;
use hosts::{Command, Host, HostError, Invocation};
use model::server::{HostDevice, HostSettings, ServerSpec, WorkerReport};
use model::{Moment, ServerType};
use std::time::Duration;
use tokio::time::Instant;
use tracing::warn;

/// A host that does not answer within this time is reported as not answering.
const ANSWER_LIMIT: Duration = Duration::from_secs(4);

/// How old what is known of a host's devices may become.
const INVENTORY_AGE: Duration = Duration::from_secs(600);

/// The heartbeat waits no longer for it.
const INVENTORY_LIMIT: Duration = Duration::from_secs(10);

pub(crate) async fn send(worker: &Worker, host: &dyn Host, warnings: &[String], devices: &[HostDevice]) {
    let report = WorkerReport {
        worker: worker.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        drivers: crate::drivers::ALL.iter().map(|driver| driver.kind).collect(),
        host_error: host_error(host).await,
        warnings: warnings.to_vec(),
        devices: devices.to_vec(),
        seen_at: Moment::now(),
    };
    metrics::gauge!("drover_host_up", "host" => host.name().to_owned()).set(if report.host_error.is_none() {
        1.0
    } else {
        0.0
    });
    if let Err(failure) = worker.client.report(host.name(), &report).await {
        warn!(%failure, host = host.name(), "the heartbeat was not taken");
    }
}

/// Reads a file that need not be there: the cheapest question that crosses to every kind of host.
async fn host_error(host: &dyn Host) -> Option<String> {
    match tokio::time::timeout(ANSWER_LIMIT, host.get("/proc/uptime")).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no answer within {} s", ANSWER_LIMIT.as_secs())),
    }
}

/// A host's devices that can be given to VMs, and when they were looked for.
#[derive(Default)]
pub(crate) struct Inventory {
    pub devices: Vec<HostDevice>,
    taken: Option<(Instant, HostSettings)>,
}

impl Inventory {
    /// Looks again when that was long ago, or the server's settings are others. What was known stays when libvirt does not
    /// tell.
    pub async fn refresh(&mut self, host: &dyn Host, server: &ServerSpec) {
        let is_fresh =
            |(at, settings): &(Instant, HostSettings)| at.elapsed() < INVENTORY_AGE && *settings == server.settings;
        if server.server_type != ServerType::Kvm || self.taken.as_ref().is_some_and(is_fresh) {
            return;
        }
        self.taken = Some((Instant::now(), server.settings.clone()));
        if let Ok(Some(devices)) = tokio::time::timeout(INVENTORY_LIMIT, devices(host, server)).await {
            self.devices = devices;
        }
    }
}

/// None when libvirt does not tell.
async fn devices(host: &dyn Host, server: &ServerSpec) -> Option<Vec<HostDevice>> {
    let uri = &server.settings.libvirt_uri;
    let mut found = Vec::new();
    for name in said(host, nodedev::names(uri)).await.ok()? {
        let Ok(Some(device)) = said(host, nodedev::named(uri, &name)).await else { continue };
        if device.is_gpu() {
            found.push(HostDevice {
                address: device.address,
                id: device.id,
                vendor: device.vendor,
                product: device.product,
                driver: device.driver,
                group: device.group.map(|group| group.number),
                numa_node: device.numa_node,
            });
        }
    }
    Some(found)
}

/// What the command's reader makes of the answer.
async fn said<T>(host: &dyn Host, command: Command<T>) -> Result<T, HostError> {
    let Command { invocation, read } = command;
    let invocation = invocation.deadline(ANSWER_LIMIT);
    let output = host.run(&invocation).await?;
    read(&output).map_err(|reason| HostError::Nonsense {
        host: host.name().to_owned(),
        program: invocation.program().to_owned(),
        line: invocation.line(),
        reason,
    })
}

/// What an operator should know before trusting customers' machines to this host.
pub(crate) async fn warnings(host: &dyn Host, server_type: ServerType) -> Vec<String> {
    if server_type != ServerType::Kvm {
        return Vec::new();
    }
    let look = Invocation::looks(["test", "-e", "/dev/kvm"]).deadline(ANSWER_LIMIT);
    match host.run(&look).await {
        Ok(_) => Vec::new(),
        Err(error) if error.status() == Some(1) => {
            vec!["no hardware virtualisation (/dev/kvm is absent): guests run under TCG, many times slower".to_owned()]
        }
        Err(error) => vec![format!("could not look for hardware virtualisation: {error}")],
    }
}
