//! Domains with drover's metadata. One that is set aside is off and stays off: libvirt keeps its definition, with all that
//! undefining would take along (snapshots, checkpoints, firmware variables, a saved state), and a note keeps it once more.

use crate::{Site, note};
use commands::virsh::{self, State};
use domains::{Actual, NAMESPACE};
use errors::Fault;
use model::ResourceId;
use model::errand::{Found, Sort};
use serde::{Deserialize, Serialize};

/// A domain that carries the mark.
pub struct Marked {
    pub name: String,
    pub resource: ResourceId,
    /// What it is, kept and live.
    pub definitions: Vec<Actual>,
}

impl Marked {
    pub fn bridges(&self) -> impl Iterator<Item = &str> {
        self.definitions.iter().flat_map(|actual| &actual.nics).map(|nic| nic.bridge.as_str())
    }
}

#[derive(Serialize, Deserialize)]
struct Note {
    autostart: bool,
    ran: bool,
    xml: String,
}

/// Every domain of the host that carries the mark.
pub async fn marked(site: &Site) -> Result<Vec<Marked>, Fault> {
    let uri = &site.settings.libvirt_uri;
    let mut marked = Vec::new();
    for name in site.run(virsh::domains(uri)).await? {
        let mut definitions = Vec::new();
        for definition in [virsh::definition(uri, &name), virsh::live(uri, &name)] {
            // It may have gone since it was listed.
            if let Some(xml) = site.run(definition).await?
                && let Some(actual) = read(site, &xml)?
            {
                definitions.push(actual);
            }
        }
        let resource = definitions.iter().find_map(|actual| actual.resource).map(ResourceId);
        marked.extend(resource.map(|resource| Marked { name, resource, definitions }));
    }
    Ok(marked)
}

/// None for another maker's, which need not be readable.
fn read(site: &Site, xml: &str) -> Result<Option<Actual>, Fault> {
    if !xml.contains(NAMESPACE) {
        return Ok(None);
    }
    let unreadable = |reason: String| {
        let fault = Fault::new(&errors::driver::ANSWER_UNREADABLE).hole("program", "virsh dumpxml");
        fault.hole("host", site.name()).hole("reason", reason)
    };
    domains::read(xml).map(|actual| Some(actual).filter(|actual| actual.resource.is_some())).map_err(unreadable)
}

pub async fn find(site: &Site, marked: &[Marked]) -> Result<Vec<Found>, Fault> {
    let uri = &site.settings.libvirt_uri;
    let notes = note::all(site, Sort::Domain).await?;
    let mut all = Vec::new();
    for domain in marked {
        let mut found = Found::new(Sort::Domain, &domain.name, Some(domain.resource));
        if notes.contains(&domain.name) {
            let info = site.run(virsh::info(uri, &domain.name)).await?;
            found.aside = info.is_some_and(|info| info.state == State::ShutOff && !info.autostart);
        }
        if let Some(actual) = domain.definitions.first() {
            found.detail = format!("{} vCPUs, {} MiB", actual.cpu, actual.ram_mb);
        }
        all.push(found);
    }
    Ok(all)
}

/// Its definition, which must be drover's own and the same resource's; none when it is absent.
async fn own(site: &Site, found: &Found) -> Result<Option<String>, Fault> {
    let Some(xml) = site.run(virsh::definition(&site.settings.libvirt_uri, &found.name)).await? else {
        return Ok(None);
    };
    let resource = read(site, &xml)?.and_then(|actual| actual.resource).map(ResourceId);
    if resource.is_none() || resource != found.resource {
        return Err(site.foreign(found));
    }
    Ok(Some(xml))
}

pub async fn set_aside(site: &Site, found: &Found) -> Result<(), Fault> {
    let uri = &site.settings.libvirt_uri;
    let (xml, info) = (own(site, found).await?, site.run(virsh::info(uri, &found.name)).await?);
    let (Some(xml), Some(info)) = (xml, info) else { return Err(site.gone(found)) };
    let ran = info.state != State::ShutOff;
    note::write(site, found, &Note { autostart: info.autostart, ran, xml }).await?;
    if info.autostart {
        site.run(virsh::set_autostart(uri, &found.name, false)).await?;
    }
    if ran {
        let destroyed = site.run(virsh::destroy(uri, &found.name)).await;
        // It may have ended just before. A transient one is gone with its guest, and its definition is in the note.
        if !matches!(site.run(virsh::state(uri, &found.name)).await?, None | Some(State::ShutOff)) {
            destroyed?;
        }
    }
    Ok(())
}

pub async fn put_back(site: &Site, found: &Found) -> Result<(), Fault> {
    let uri = &site.settings.libvirt_uri;
    let is_there = own(site, found).await?.is_some();
    let Some(note) = note::read::<Note>(site, found).await? else {
        return if is_there { Ok(()) } else { Err(site.gone(found)) };
    };
    if !is_there {
        site.run(virsh::define(uri, &note.xml)).await?;
    }
    if note.autostart {
        site.run(virsh::set_autostart(uri, &found.name, true)).await?;
    }
    note::remove(site, found).await
}

pub async fn purge(site: &Site, found: &Found) -> Result<(), Fault> {
    let uri = &site.settings.libvirt_uri;
    if own(site, found).await?.is_some() {
        let is_off = site.run(virsh::state(uri, &found.name)).await? == Some(State::ShutOff);
        if !is_off || note::read::<Note>(site, found).await?.is_none() {
            return Err(site.in_place(found));
        }
        site.run(virsh::undefine(uri, &found.name)).await?;
    }
    note::remove(site, found).await
}
