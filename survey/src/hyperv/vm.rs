//! VMs whose notes say that they are drover's. One that is set aside is off and stays off; its notes say so instead, by which
//! no driver takes it for its own, and what it did when its host started. It goes with its folder.

use super::{folder, moved};
use crate::Site;
use ::hyperv::files::{mounted, remove_debris};
use ::hyperv::merge::{is_merged, remove_checkpoints};
use ::hyperv::power::STAYS_OFF;
use commands::hyperv::file::Below;
use commands::hyperv::vhd;
use commands::hyperv::vm::{self, State, Vm};
use errors::Fault;
use hosts::Runner;
use model::errand::{Found, Sort};
use model::{ResourceId, windows};
use std::time::Duration;

const GLANCE: Duration = Duration::from_secs(1);

/// A VM that is drover's.
pub struct Marked {
    pub vm: Vm,
    pub resource: ResourceId,
    /// What one in quarantine did before when its host started.
    before: Option<String>,
}

impl Marked {
    /// By its notes; by its folder when an attempt was lost before it wrote them.
    fn read(site: &Site, vm: Vm) -> Option<Self> {
        let storage = &site.settings.storage;
        let unmarked = || {
            let resource = windows::vm_of(storage, &vm.path)?;
            let is_ours = windows::vm(resource) == vm.name && ::hyperv::is_our_crash(storage, resource, &vm);
            is_ours.then_some((resource, None))
        };
        let (resource, before) = windows::read_mark(&site.region, &vm.notes).or_else(unmarked)?;
        Some(Self { vm, resource, before })
    }

    fn is_aside(&self) -> bool {
        self.before.is_some() && is_off(&self.vm) && self.vm.start_action == STAYS_OFF
    }
}

fn is_off(vm: &Vm) -> bool {
    matches!(vm.state, State::Off | State::Saved)
}

pub fn marked(site: &Site, all: &[Vm]) -> Vec<Marked> {
    all.iter().filter_map(|vm| Marked::read(site, vm.clone())).collect()
}

pub fn find(site: &Site, marked: &[Marked], files: &[Below]) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for own in marked {
        let mut found = Found::new(Sort::Domain, &own.vm.name, Some(own.resource));
        found.aside = own.is_aside();
        found.bytes = moved::bytes(&windows::vm_folder(&site.settings.storage, own.resource), files);
        found.detail = format!("{} vCPUs, {} MiB", own.vm.cpu, own.vm.ram_mb);
        // Of several of one name none can be acted on: they are told as one.
        if !all.iter().any(|other| other.key() == found.key()) {
            all.push(found);
        }
    }
    all
}

/// The only VM of this name, whosever it is; none when it is absent.
async fn named(site: &Site, name: &str) -> Result<Option<Vm>, Fault> {
    let mut named = site.run(vm::named(name)).await?;
    if named.len() > 1 {
        let ambiguous = Fault::new(&errors::hyperv::VM_AMBIGUOUS).hole("vm", name).hole("host", site.name());
        return Err(ambiguous.hole("count", named.len()).hole("wanted", "drover's mark"));
    }
    Ok(named.pop())
}

/// The VM of this name; none when it is absent, or not drover's.
pub async fn marked_as(site: &Site, name: &str) -> Result<Option<Marked>, Fault> {
    Ok(named(site, name).await?.and_then(|vm| Marked::read(site, vm)))
}

/// The VM that was found, which must still be the same resource's; none when it is absent.
async fn own(site: &Site, found: &Found) -> Result<Option<Marked>, Fault> {
    let Some(vm) = named(site, &found.name).await? else { return Ok(None) };
    let own = Marked::read(site, vm).filter(|own| Some(own.resource) == found.resource);
    own.map(Some).ok_or_else(|| site.foreign(found))
}

pub async fn set_aside(site: &Site, found: &Found) -> Result<(), Fault> {
    let own = own(site, found).await?.ok_or_else(|| site.gone(found))?;
    if own.before.is_none() || own.vm.start_action != STAYS_OFF {
        let before = own.before.as_ref().unwrap_or(&own.vm.start_action);
        let mark = windows::aside_mark(&site.region, own.resource, before);
        site.run(vm::set_owner(&own.vm.id, &mark, STAYS_OFF)).await?;
    }
    if !is_off(&own.vm) {
        let turned_off = site.run(vm::turn_off(&own.vm.id)).await;
        // It may have ended just before.
        if let Some(vm) = named(site, &found.name).await?.filter(|vm| !is_off(vm)) {
            turned_off?;
            let not_off = Fault::new(&errors::hyperv::VM_NOT_OFF).hole("vm", &found.name);
            return Err(not_off.hole("found", vm.state.word()));
        }
    }
    Ok(())
}

pub async fn put_back(site: &Site, found: &Found) -> Result<(), Fault> {
    let own = own(site, found).await?.ok_or_else(|| site.gone(found))?;
    match &own.before {
        Some(before) => {
            let mark = windows::mark(&site.region, own.resource);
            site.run(vm::set_owner(&own.vm.id, &mark, before)).await
        }
        None => Ok(()),
    }
}

/// As a scrub does it: what is merged is merged into disks that are still there, and the folder goes last.
pub async fn purge(site: &Site, found: &Found) -> Result<(), Fault> {
    let own = own(site, found).await?;
    let resource = found.resource.ok_or_else(|| site.gone(found))?;
    let folder = windows::vm_folder(&site.settings.storage, resource);
    if own.as_ref().is_some_and(|own| !own.is_aside()) {
        return Err(site.in_place(found));
    }
    folder::is_free(site, found, &folder, own.as_ref().map(|own| &own.vm)).await?;
    if let Some(own) = own {
        remove_checkpoints(site, &own.vm.id).await?;
        merged(site, &own.vm.id, &folder).await?;
        for disk in mounted(site, &folder).await? {
            site.run(vhd::dismount(&disk)).await?;
        }
        site.run(vm::remove(&own.vm.id)).await?;
    }
    remove_debris(site, &folder).await
}

/// Waits for it as long as the errand may.
pub async fn merged(site: &Site, vm: &str, folder: &str) -> Result<(), Fault> {
    while !is_merged(site, vm, folder).await? {
        site.note("merging".into());
        tokio::time::sleep(GLANCE).await;
    }
    Ok(())
}
