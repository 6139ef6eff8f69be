//! Whether a backup and all that it stands on are as they were written.

use crate::Repository;
use commands::{files, qemu_img};
use errors::Fault;
use lifecycle::Context;
use model::ResourceId;
use model::backup::{Manifest, Repository as Which};

/// Every file of the chain: its checksum, and where the repository is on the host itself, its inner structure. Gives the
/// manifests, the full one first. Only looks.
pub async fn verify(cx: &Context, which: Which, vm: ResourceId, backup: ResourceId) -> Result<Vec<Manifest>, Fault> {
    let repository = Repository::open(cx, which).await?;
    let newest = repository.present(cx, vm, backup).await?;
    let mut chain = Vec::new();
    for id in newest.with_chain() {
        let manifest = repository.present(cx, vm, id).await?;
        for disk in &manifest.disks {
            let path = format!("{}/{}", repository.backup(vm, id), disk.file);
            let damaged =
                |reason: String| Fault::new(&errors::backups::FILE_DAMAGED).hole("path", &path).hole("reason", reason);
            match cx.run_long(repository.on(files::sha256(&path))).await? {
                None => return Err(damaged("it is absent".into())),
                Some(found) if found != disk.sha256 => {
                    return Err(damaged(format!("its sha256 is {found}, the manifest says {}", disk.sha256)));
                }
                Some(_) => {}
            }
            if repository.machine().is_none()
                && let Some(reason) = cx.run_long(qemu_img::check(&path)).await?
            {
                return Err(damaged(reason));
            }
        }
        chain.push(manifest);
    }
    Ok(chain)
}
