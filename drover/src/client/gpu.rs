//! `drover gpu`

use super::resource::{self, Any, New, given};
use super::{Session, every_page, server};
use crate::cli::Follow;
use crate::out::dash;
use clap::Subcommand;
use iaas::tenant::ResourceFilter;
use model::gpu::{Gpu as Record, GpuSpec};
use model::pci::PciAddress;
use model::server::Server;
use model::{ResourceId, State};
use serde::Serialize;

#[derive(Debug, Subcommand)]
pub enum Gpu {
    /// Give a PCI device of a VM's host to the VM
    Create {
        #[command(flatten)]
        new: New,
        #[arg(long, value_name = "ID")]
        vm: Option<ResourceId>,
        /// PCI address on the host: 0000:65:00.0
        #[arg(long)]
        device: Option<String>,
    },
    /// Attach it to another VM of its host
    Attach {
        id: ResourceId,
        #[arg(long, value_name = "ID")]
        vm: ResourceId,
        #[command(flatten)]
        follow: Follow,
    },
    /// Take it from its VM
    Detach {
        id: ResourceId,
        #[command(flatten)]
        follow: Follow,
    },
    /// Give up the record of a device that no VM has
    Delete { id: ResourceId },
    /// What servers have to give, and who has it; for operators
    Devices {
        /// Only on this server
        #[arg(long, value_name = "NAME")]
        host: Option<String>,
    },
    #[command(flatten)]
    Any(Any),
}

pub async fn run(session: &Session, command: Gpu) -> anyhow::Result<()> {
    match command {
        Gpu::Create { new, vm, device } => {
            new.create(session, || Ok(GpuSpec { vm: Some(given(vm, "--vm")?), device: given(device, "--device")? }))
                .await
        }
        Gpu::Attach { id, vm, follow } => {
            resource::change::<GpuSpec>(session, id, &format!("{{\"vm\": {vm}}}"), follow).await
        }
        Gpu::Detach { id, follow } => resource::change::<GpuSpec>(session, id, "{\"vm\": null}", follow).await,
        Gpu::Delete { id } => {
            session.client.record_delete("gpus", id.0).await?;
            session.out.say(&format!("gpu {id} is closed"));
            Ok(())
        }
        Gpu::Devices { host } => devices(session, host.as_deref()).await,
        Gpu::Any(command) => resource::any::<GpuSpec>(session, command).await,
    }
}

/// A device that its worker has found, or that the server's settings name.
#[derive(Serialize)]
struct Device {
    host: String,
    address: PciAddress,
    id: String,
    name: String,
    group: Option<u32>,
    /// Whether the server's settings let it be given.
    may_be_given: bool,
    gpu: Option<ResourceId>,
    vm: Option<ResourceId>,
}

impl Device {
    fn standing(&self) -> String {
        match (self.gpu, self.vm) {
            (Some(gpu), Some(vm)) => format!("vm {vm}, by gpu {gpu}"),
            (Some(gpu), None) => format!("kept for gpu {gpu}"),
            (None, _) if self.may_be_given => "free".to_owned(),
            (None, _) => "not to be given".to_owned(),
        }
    }
}

async fn devices(session: &Session, host: Option<&str>) -> anyhow::Result<()> {
    let servers: Vec<Server> = server::all(&session.client, "servers").await?;
    let page =
        async |cursor| session.client.list::<GpuSpec>(&ResourceFilter { cursor, ..ResourceFilter::default() }).await;
    let gpus: Vec<Record> = every_page(page).await?;
    let servers = servers.iter().filter(|server| host.is_none_or(|host| server.spec.name == host));
    let found: Vec<Device> = servers.flat_map(|server| of(server, &gpus)).collect();
    session.out.list(&found, &["host", "device", "id", "name", "group", "standing"], |device| {
        vec![
            device.host.clone(),
            device.address.to_string(),
            device.id.clone(),
            device.name.clone(),
            dash(device.group),
            device.standing(),
        ]
    })
}

/// Of one server.
fn of(server: &Server, gpus: &[Record]) -> Vec<Device> {
    let settings = &server.spec.settings.gpu;
    let known = server.worker.iter().flat_map(|worker| &worker.devices);
    let mut found: Vec<Device> = known
        .map(|device| Device {
            host: server.spec.name.clone(),
            address: device.address,
            id: device.id.clone(),
            name: format!("{} {}", device.vendor, device.product),
            group: device.group,
            may_be_given: settings.allows(device.address, Some(&device.id)),
            gpu: None,
            vm: None,
        })
        .collect();
    // Of another class than the inventory has.
    for address in settings.devices.iter().filter_map(|device| device.parse::<PciAddress>().ok()) {
        if found.iter().all(|device| device.address != address) {
            let host = server.spec.name.clone();
            let (id, name) = (String::new(), String::new());
            found.push(Device { host, address, id, name, group: None, may_be_given: true, gpu: None, vm: None });
        }
    }
    for device in &mut found {
        let taken = gpus.iter().find(|gpu| {
            let is_here = gpu.server_id == server.id && gpu.state != State::Closed;
            is_here && gpu.spec.address() == Some(device.address)
        });
        (device.gpu, device.vm) = (taken.map(|gpu| gpu.id), taken.and_then(|gpu| gpu.spec.vm));
    }
    found
}
