//! `drover gpu`

use super::resource::{self, Any, New, given};
use super::{Session, every_page, server};
use crate::cli::Follow;
use crate::out::dash;
use clap::Subcommand;
use iaas::tenant::ResourceFilter;
use model::device::Device;
use model::gpu::{Gpu as Record, GpuSpec};
use model::server::{HostDevice, Server};
use model::{ResourceId, State};
use serde::Serialize;

#[derive(Debug, Subcommand)]
pub enum Gpu {
    /// Give a device of a VM's host to the VM
    Create {
        #[command(flatten)]
        new: New,
        #[arg(long, value_name = "ID")]
        vm: Option<ResourceId>,
        /// On the host: a PCI address, 0000:65:00.0, or the UUID of a mediated device
        #[arg(long)]
        device: Option<Device>,
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
struct Line {
    host: String,
    device: Device,
    id: String,
    name: String,
    group: Option<u32>,
    /// Whether mediated devices are shares of it: it is not given whole then.
    is_split: bool,
    /// Whether the server's settings let it be given.
    may_be_given: bool,
    gpu: Option<ResourceId>,
    vm: Option<ResourceId>,
}

impl Line {
    fn standing(&self) -> String {
        match (self.gpu, self.vm) {
            (Some(gpu), Some(vm)) => format!("vm {vm}, by gpu {gpu}"),
            (Some(gpu), None) => format!("kept for gpu {gpu}"),
            (None, _) if self.is_split => "split into mediated devices".to_owned(),
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
    let found: Vec<Line> = servers.flat_map(|server| of(server, &gpus)).collect();
    session.out.list(&found, &["host", "device", "id", "name", "group", "standing"], |line| {
        vec![
            line.host.clone(),
            line.device.to_string(),
            line.id.clone(),
            line.name.clone(),
            dash(line.group),
            line.standing(),
        ]
    })
}

/// Of one server.
fn of(server: &Server, gpus: &[Record]) -> Vec<Line> {
    let settings = &server.spec.settings.gpu;
    let known = server.worker.as_ref().map(|worker| worker.devices.as_slice()).unwrap_or_default();
    let is_split = |device| known.iter().any(|share| share.parent.map(Device::Pci) == Some(device));
    let name = |device: &HostDevice| {
        let part = device.parent.map(|parent| format!(", part of {parent}")).unwrap_or_default();
        format!("{} {}{part}", device.vendor, device.product)
    };
    let mut found: Vec<Line> = known
        .iter()
        .map(|device| Line {
            host: server.spec.name.clone(),
            device: device.device,
            id: device.id.clone(),
            name: name(device),
            group: device.group,
            is_split: is_split(device.device),
            may_be_given: settings.allows(device.device, Some(&device.id)),
            gpu: None,
            vm: None,
        })
        .collect();
    // Of another class than the inventory has. A mediated device that it has not is not there.
    for device in settings.devices.iter().filter_map(|named| named.parse().ok()).map(Device::Pci) {
        if found.iter().all(|line| line.device != device) {
            let (host, is_split) = (server.spec.name.clone(), is_split(device));
            let (id, name) = (String::new(), String::new());
            found.push(Line { host, device, id, name, group: None, is_split, may_be_given: true, gpu: None, vm: None });
        }
    }
    for line in &mut found {
        let taken = gpus.iter().find(|gpu| {
            let is_here = gpu.server_id == server.id && gpu.state != State::Closed;
            is_here && gpu.spec.device == line.device
        });
        (line.gpu, line.vm) = (taken.map(|gpu| gpu.id), taken.and_then(|gpu| gpu.spec.vm));
    }
    found
}
