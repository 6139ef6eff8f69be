//! Hyper-V hosts: what drover makes there, by the agent's requests. A VM's folder goes with the VM; without one it is a thing
//! of its own.

mod checkpoint;
mod export;
mod folder;
mod moved;
mod vm;

use crate::Site;
use commands::hyperv::{file, vm as vms};
use errors::Fault;
use model::errand::{Found, Sort};
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

pub async fn set_aside(site: &Site, found: &Found) -> Result<(), Fault> {
    match found.sort {
        Sort::Domain => vm::set_aside(site, found).await,
        Sort::Disk => folder::set_aside(site, found).await,
        Sort::Checkpoint => checkpoint::set_aside(site, found).await,
        Sort::Backup => export::set_aside(site, found).await,
        Sort::Seed | Sort::Bridge | Sort::Namespace | Sort::Image => Err(site.gone(found)),
    }
}

pub async fn put_back(site: &Site, found: &Found) -> Result<(), Fault> {
    match found.sort {
        Sort::Domain => vm::put_back(site, found).await,
        Sort::Disk => folder::put_back(site, found).await,
        Sort::Checkpoint => checkpoint::put_back(site, found).await,
        Sort::Backup => export::put_back(site, found).await,
        Sort::Seed | Sort::Bridge | Sort::Namespace | Sort::Image => Err(site.gone(found)),
    }
}

pub async fn purge(site: &Site, found: &Found) -> Result<(), Fault> {
    match found.sort {
        Sort::Domain => vm::purge(site, found).await,
        Sort::Disk => folder::purge(site, found).await,
        Sort::Checkpoint => checkpoint::purge(site, found).await,
        Sort::Backup => export::purge(site, found).await,
        Sort::Seed | Sort::Bridge | Sort::Namespace | Sort::Image => Err(site.gone(found)),
    }
}
