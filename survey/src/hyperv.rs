//! Hyper-V hosts: what drover makes there, by the agent's requests. A VM's folder goes with the VM; without one it is a thing
//! of its own.

pub mod checkpoint;
pub mod export;
pub mod folder;
mod moved;
pub mod vm;

use crate::Site;
use commands::hyperv::{file, vm as vms};
use errors::Fault;
use model::errand::Found;
use model::windows;

pub async fn find(site: &Site) -> Result<Vec<Found>, Fault> {
    // VMs first: a folder whose VM is made meanwhile has a record.
    let present = site.run(vms::list()).await?;
    let marked = vm::marked(site, &present);
    let files = site.run(file::tree(&windows::vms(&site.settings.storage))).await?;
    let mut all = vm::find(site, &marked, &files);
    all.extend(folder::find(site, &present, &marked, &files).await?);
    all.extend(checkpoint::find(site, &marked).await?);
    all.extend(export::find(site).await?);
    Ok(all)
}
