//! What a backup leaves on the host on its way to another machine: its unfinished folder, and the empty disks that stand
//! for its parents. Those are made again by whoever needs them, and read only under the VM's lock.

use backups::Repository;
use commands::files;
use errors::Fault;
use lifecycle::Context;
use model::{ResourceId, names};

/// What is to go; nothing of another backup that is on its way.
pub async fn left(
    cx: &Context,
    repository: &Repository,
    vm: ResourceId,
    backup: ResourceId,
) -> Result<Vec<String>, Fault> {
    let folder = names::backups_of(&repository.desk(), vm);
    let (own, names) = (format!("{backup}.part"), cx.run(files::list(&folder)).await?);
    if names.is_empty() && cx.run(files::exists(&folder)).await? {
        return Ok(vec![folder]);
    }
    let goes = |name: &&String| **name == own || name.parse::<i64>().is_ok();
    Ok(names.iter().filter(goes).map(|name| format!("{folder}/{name}")).collect())
}

pub async fn clear(cx: &Context, repository: &Repository, vm: ResourceId, backup: ResourceId) -> Result<(), Fault> {
    for path in left(cx, repository, vm, backup).await? {
        cx.run(files::remove_tree(&path)).await?;
    }
    let folder = names::backups_of(&repository.desk(), vm);
    if cx.run(files::exists(&folder)).await? && cx.run(files::list(&folder)).await?.is_empty() {
        cx.run(files::remove_folder(&folder)).await?;
    }
    Ok(())
}
