//! Whose driver looks at which kind of backups.

use errors::Fault;
use hosts::Runner;
use model::backup::{Recorded, Repository, Verified};
use model::{Kind, ResourceId};

/// Looks at a backup and all that it stands on, in the repository beside this host.
pub async fn verify(
    on: &impl Runner,
    kind: Kind,
    repository: Repository,
    vm: ResourceId,
    chain: &[Recorded],
) -> Result<Verified, Fault> {
    match kind {
        Kind::BackupHyperv => backup_hyperv::verify(on, repository, vm, chain).await,
        Kind::BackupKvm => backup_kvm::verify(on, repository, vm, chain).await,
        other => Err(Fault::new(&errors::errand::NO_CHECK).hole("host", on.host()).hole("kind", other)),
    }
}
