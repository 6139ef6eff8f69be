//! The heartbeat: whether the host answers, and what an operator should know of it.

use crate::Worker;
use cmdlets::Hello;
use commands::hyperv;
use commands::virsh::nodedev::mediated::Mediated;
use commands::virsh::nodedev::{self, mediated};
use futures::{FutureExt, TryFutureExt};
use hosts::{Command, Host, HostError, Invocation};
use model::device::Device;
use model::server::{HostDevice, HostSettings, ServerSpec, WorkerReport};
use model::{Moment, ServerType};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

/// A host that does not answer within this time is reported as not answering.
const ANSWER_LIMIT: Duration = Duration::from_secs(4);

/// Before a Windows host says its first word, PowerShell has to start and load Hyper-V.
const WINDOWS_LIMIT: Duration = Duration::from_secs(20);

/// How old what is known of a host's devices may become.
const INVENTORY_AGE: Duration = Duration::from_secs(600);

/// The heartbeat waits no longer for it.
const INVENTORY_LIMIT: Duration = Duration::from_secs(10);

pub(crate) async fn send(
    worker: &Worker,
    host: &dyn Host,
    server_type: ServerType,
    warnings: &[String],
    devices: &[HostDevice],
) {
    let report = WorkerReport {
        worker: worker.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        drivers: crate::drivers::ALL.iter().map(|driver| driver.kind).collect(),
        host_error: host_error(host, server_type).await,
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

/// The cheapest question that crosses to this kind of host: a file that need not be there, Hyper-V itself.
async fn host_error(host: &dyn Host, server_type: ServerType) -> Option<String> {
    let (limit, answer) = match server_type {
        ServerType::Hyperv => (WINDOWS_LIMIT, said(host, hyperv::host::info(), WINDOWS_LIMIT).map_ok(drop).boxed()),
        ServerType::Kvm | ServerType::Phantom | ServerType::Router | ServerType::Ceph => {
            (ANSWER_LIMIT, host.get("/proc/uptime").map_ok(drop).boxed())
        }
    };
    match timeout(limit, answer).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no answer within {} s", limit.as_secs())),
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
        if let Ok(Some(devices)) = timeout(INVENTORY_LIMIT, devices(host, server)).await {
            self.devices = devices;
        }
    }
}

/// None when libvirt does not tell.
async fn devices(host: &dyn Host, server: &ServerSpec) -> Option<Vec<HostDevice>> {
    let uri = &server.settings.libvirt_uri;
    let mut pci = Vec::new();
    for name in said(host, nodedev::names(uri), ANSWER_LIMIT).await.ok()? {
        pci.extend(said(host, nodedev::named(uri, &name), ANSWER_LIMIT).await.ok().flatten());
    }
    let mut shares = Vec::new();
    for name in said(host, mediated::names(uri), ANSWER_LIMIT).await.ok()? {
        shares.extend(said(host, mediated::named(uri, &name), ANSWER_LIMIT).await.ok().flatten());
    }
    let shares: Vec<HostDevice> = shares.into_iter().map(|share| of_share(share, &pci)).collect();
    let whole = pci.into_iter().filter(nodedev::Device::is_gpu).map(|device| HostDevice {
        device: device.address.into(),
        parent: None,
        id: device.id,
        vendor: device.vendor,
        product: device.product,
        driver: device.driver,
        group: device.group.map(|group| group.number),
        numa_node: device.numa_node,
    });
    Some(whole.chain(shares).collect())
}

fn of_share(share: Mediated, pci: &[nodedev::Device]) -> HostDevice {
    let parent = pci.iter().find(|device| share.parent == Some(device.address));
    let told = |text: fn(&nodedev::Device) -> &String| parent.map(text).cloned().unwrap_or_default();
    HostDevice {
        device: Device::Mediated(share.uuid),
        parent: share.parent,
        id: share.type_id,
        vendor: told(|parent| &parent.vendor),
        product: told(|parent| &parent.product),
        driver: share.driver,
        group: share.group,
        numa_node: parent.and_then(|parent| parent.numa_node),
    }
}

/// What the command's reader makes of the answer.
async fn said<T>(host: &dyn Host, command: Command<T>, limit: Duration) -> Result<T, HostError> {
    let Command { invocation, read } = command;
    let invocation = invocation.deadline(limit);
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
    match server_type {
        ServerType::Kvm => kvm_warnings(host).await,
        ServerType::Hyperv => hyperv_warnings(host).await,
        ServerType::Phantom | ServerType::Router | ServerType::Ceph => Vec::new(),
    }
}

async fn hyperv_warnings(host: &dyn Host) -> Vec<String> {
    let asked = timeout(WINDOWS_LIMIT, said(host, hyperv::host::hello(), WINDOWS_LIMIT)).await;
    match asked {
        Ok(Ok(Some(hello))) => {
            info!(host = host.name(), version = hello.version, os = hello.os, modules = ?hello.modules, "a Windows host");
            strange(&hello)
        }
        Ok(Ok(None)) => vec!["the agent does not say what it is".to_owned()],
        Ok(Err(error)) => vec![format!("could not look at PowerShell: {error}")],
        Err(_) => vec![format!("could not look at PowerShell: no answer within {} s", WINDOWS_LIMIT.as_secs())],
    }
}

/// What is not as the contract of the cmdlets takes it to be.
fn strange(hello: &Hello) -> Vec<String> {
    let mut warnings = Vec::new();
    if hello.is_simulated() {
        warnings.push(format!("{}: no VM runs here", Hello::SIMULATED));
    }
    if !hello.version.starts_with("5.1") {
        warnings.push(format!("PowerShell {}: drover knows Windows PowerShell 5.1", hello.version));
    }
    warnings
}

async fn kvm_warnings(host: &dyn Host) -> Vec<String> {
    let look = Invocation::looks(["test", "-e", "/dev/kvm"]).deadline(ANSWER_LIMIT);
    match host.run(&look).await {
        Ok(_) => Vec::new(),
        Err(error) if error.status() == Some(1) => {
            vec!["no hardware virtualisation (/dev/kvm is absent): guests run under TCG, many times slower".to_owned()]
        }
        Err(error) => vec![format!("could not look for hardware virtualisation: {error}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_host_is_called_one() {
        let hello = |version: &str, os: &str| Hello {
            version: version.into(),
            os: os.into(),
            culture: "en-US".into(),
            now: String::new(),
            modules: Vec::new(),
        };
        assert_eq!(strange(&hello("5.1.20348.1", "Microsoft Windows NT 10.0.20348.0")), Vec::<String>::new());
        assert!(strange(&hello("5.1", Hello::SIMULATED))[0].contains("simulated host"));
        assert!(strange(&hello("7.4.1", "Microsoft Windows NT 10.0.20348.0"))[0].contains("7.4.1"));
    }
}
