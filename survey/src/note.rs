//! Notes: what a host keeps of things that are set aside where they are, and of how they were before.

use crate::Site;
use commands::files;
use commands::hyperv::file;
use errors::Fault;
use model::errand::{Found, Sort};
use model::{ServerType, names, windows};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;

/// Only root may read it: a definition may hold what others should not see.
const MODE: u32 = 0o600;

fn path(site: &Site, found: &Found) -> String {
    match site.server_type {
        ServerType::Hyperv => windows::aside(&site.settings.storage, found.sort, &found.name),
        _ => names::aside(&site.settings.storage, found.sort, &found.name),
    }
}

/// The names of all things of a sort that have one.
pub async fn all(site: &Site, sort: Sort) -> Result<BTreeSet<String>, Fault> {
    let storage = &site.settings.storage;
    let notes: Vec<String> = if site.server_type == ServerType::Hyperv {
        let notes = site.run(file::list(&windows::quarantine(storage, sort))).await?;
        notes.into_iter().map(|note| note.name).collect()
    } else {
        let notes = site.run(files::tree(&names::quarantine(storage, sort), 1)).await?;
        notes.into_iter().map(|note| note.path).collect()
    };
    Ok(notes.iter().filter_map(|note| names::unflat(note)).collect())
}

/// None when there is none.
pub async fn read<N: DeserializeOwned>(site: &Site, found: &Found) -> Result<Option<N>, Fault> {
    let path = path(site, found);
    let Some(bytes) = site.get(&path).await? else { return Ok(None) };
    let unreadable = |error: serde_json::Error| {
        let fault = Fault::new(&errors::driver::ANSWER_UNREADABLE).hole("program", format!("the note {path}"));
        fault.hole("host", site.name()).hole("reason", error)
    };
    serde_json::from_slice(&bytes).map(Some).map_err(unreadable)
}

/// One that is there stays: it tells how the thing was at first.
pub async fn write<N: Serialize>(site: &Site, found: &Found, note: &N) -> Result<(), Fault> {
    let path = path(site, found);
    if site.get(&path).await?.is_some() {
        return Ok(());
    }
    // Our own notes have string keys and no failing serializers.
    site.put(&path, &serde_json::to_vec_pretty(note).unwrap_or_default(), MODE).await
}

pub async fn remove(site: &Site, found: &Found) -> Result<(), Fault> {
    site.remove(&path(site, found)).await
}
