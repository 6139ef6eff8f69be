//! `drover snapshot`

use super::Session;
use super::resource::{self, Any, New, given};
use crate::cli::Follow;
use clap::Subcommand;
use model::snapshot::SnapshotSpec;
use model::{ResourceId, State};

#[derive(Debug, Subcommand)]
pub enum Snapshot {
    /// Take a snapshot of a VM
    Create {
        #[command(flatten)]
        new: New,
        #[arg(long, value_name = "ID")]
        vm: Option<ResourceId>,
        /// A scrub takes what stands on top of it too
        #[arg(long)]
        remove_subtree: bool,
    },
    /// Bring the VM back to how it was then
    Revert {
        id: ResourceId,
        #[command(flatten)]
        follow: Follow,
    },
    #[command(flatten)]
    Any(Any),
}

pub async fn run(session: &Session, command: Snapshot) -> anyhow::Result<()> {
    match command {
        Snapshot::Create { new, vm, remove_subtree } => {
            new.create(session, || Ok(SnapshotSpec { vm: given(vm, "--vm")?, parent: None, remove_subtree })).await
        }
        Snapshot::Revert { id, follow } => {
            resource::ask::<SnapshotSpec>(session, id, State::RunningUpdate, follow).await
        }
        Snapshot::Any(command) => resource::any::<SnapshotSpec>(session, command).await,
    }
}
