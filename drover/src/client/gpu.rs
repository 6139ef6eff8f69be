//! `drover gpu`

use super::Session;
use super::resource::{self, Any, New, given};
use crate::cli::Follow;
use clap::Subcommand;
use model::ResourceId;
use model::gpu::GpuSpec;

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
        Gpu::Any(command) => resource::any::<GpuSpec>(session, command).await,
    }
}
