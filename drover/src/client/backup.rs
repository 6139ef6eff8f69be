//! `drover backup`

use super::Session;
use super::resource::{self, Any, New, given};
use clap::{Subcommand, ValueEnum};
use model::ResourceId;
use model::backup::{BackupSpec, Repository};

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
    #[command(flatten)]
    Any(Any),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Into {
    Primary,
    Secondary,
}

pub async fn run(session: &Session, command: Backup) -> anyhow::Result<()> {
    match command {
        Backup::Create { new, vm, repository, valid_hours } => {
            let repository = match repository {
                Into::Primary => Repository::Primary,
                Into::Secondary => Repository::Secondary,
            };
            new.create(session, || Ok(BackupSpec { vm: given(vm, "--vm")?, repository, valid_hours })).await
        }
        Backup::Any(command) => resource::any::<BackupSpec>(session, command).await,
    }
}
