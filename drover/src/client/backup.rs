//! `drover backup`

mod verify;

use super::Session;
use super::resource::{self, Any, New, given};
use crate::cli::Follow;
use clap::{Subcommand, ValueEnum};
use iaas::tenant::Create;
use model::backup::{BackupSpec, Repository};
use model::vm::VmSpec;
use model::{ResourceId, ServerId};

#[derive(Debug, Subcommand)]
pub enum Backup {
    /// Back up a VM's disks
    Create {
        #[command(flatten)]
        new: New,
        #[arg(long, value_name = "ID")]
        vm: Option<ResourceId>,
        #[arg(long, value_enum, default_value_t = Into::Primary)]
        repository: Into,
        /// How long it is kept
        #[arg(long, value_name = "HOURS", default_value_t = 24 * 30)]
        valid_hours: u32,
    },
    /// Build a new VM like the one that was backed up, its disks as they were then
    Restore {
        id: ResourceId,
        /// Of the new VM
        #[arg(long)]
        name: String,
        /// The server it must stand on; that of the backup when left out
        #[arg(long, value_name = "ID")]
        server: Option<ServerId>,
        #[command(flatten)]
        follow: Follow,
    },
    /// Look whether backups and all that they stand on are as they were written; for operators
    Verify(verify::Verify),
    #[command(flatten)]
    Any(Any),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Into {
    Primary,
    Secondary,
}

impl From<Into> for Repository {
    fn from(into: Into) -> Self {
        match into {
            Into::Primary => Self::Primary,
            Into::Secondary => Self::Secondary,
        }
    }
}

pub async fn run(session: &Session, command: Backup) -> anyhow::Result<()> {
    match command {
        Backup::Create { new, vm, repository, valid_hours } => {
            let repository = repository.into();
            new.create(session, || Ok(BackupSpec { vm: given(vm, "--vm")?, repository, valid_hours })).await
        }
        Backup::Restore { id, name, server, follow } => restore(session, id, name, server, follow).await,
        Backup::Verify(command) => verify::run(session, command).await,
        Backup::Any(command) => resource::any::<BackupSpec>(session, command).await,
    }
}

/// The VM's wish, also of one that is closed; its nics get macs of their own.
async fn restore(
    session: &Session,
    id: ResourceId,
    name: String,
    server: Option<ServerId>,
    follow: Follow,
) -> anyhow::Result<()> {
    let backup = session.client.read::<BackupSpec>(id).await?;
    let vm = session.client.read::<VmSpec>(backup.spec.vm).await?;
    let mut spec = VmSpec { backup: Some(id), server, ..vm.spec };
    spec.nics.iter_mut().for_each(|nic| (nic.mac, nic.segment_id) = (None, None));
    let wish = Create { project_id: backup.project_id, name, spec };
    resource::create(session, wish, None, follow).await
}
