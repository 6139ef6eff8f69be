//! The heartbeat: whether the host answers, and what an operator should know of it.

use crate::Worker;
use commands::virsh::nodedev;
use hosts::{Command, Host, HostError, Invocation};
use model::server::{HostDevice, ServerSpec, WorkerReport};
use model::{Moment, ServerType};
use std::time::Duration;
use tracing::warn;

/// A host that does not answer within this time is reported as not answering.
const ANSWER_LIMIT: Duration = Duration::from_secs(4);

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

/// The host's devices that can be given to VMs; none when libvirt does not tell.
pub(crate) async fn devices(host: &dyn Host, server: &ServerSpec) -> Vec<HostDevice> {
    if server.server_type != ServerType::Kvm {
        return Vec::new();
    }
    let uri = &server.settings.libvirt_uri;
    let mut found = Vec::new();
    for name in said(host, nodedev::names(uri)).await.unwrap_or_default() {
        let Ok(Some(device)) = said(host, nodedev::named(uri, &name)).await else { continue };
        if device.is_gpu() {
            found.push(HostDevice {
                address: device.address,
                vendor: device.vendor,
                product: device.product,
                driver: device.driver,
                group: device.group.map(|group| group.number),
                numa_node: device.numa_node,
            });
        }
    }
    found
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
