//! Namespaces of virtual routers, with their links and their files. One that is set aside is unplugged, and does not come
//! back when its node starts.

use crate::{Site, note};
use commands::ip::{link, netns};
use commands::{files, kill};
use errors::Fault;
use model::errand::{Found, Sort};
use model::{ResourceId, names};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A process that was told to end is looked for this often, and so many times.
const GLANCE: Duration = Duration::from_millis(50);
const GLANCES: u32 = 200;

#[derive(Serialize, Deserialize)]
struct Note {
    /// The node's ends of its cables that were up.
    up: Vec<String>,
}

fn number(namespace: &str) -> Option<ResourceId> {
    namespace.strip_prefix("drover-r")?.parse().ok()
}

/// The router, which its own name tells.
fn router(site: &Site, found: &Found) -> Result<ResourceId, Fault> {
    number(&found.name).ok_or_else(|| site.gone(found))
}

async fn is_up(site: &Site, router: ResourceId) -> Result<Vec<String>, Fault> {
    let links = site.run(link::of_group(names::router_group(router))).await?;
    Ok(links.into_iter().filter(link::Link::is_up).map(|link| link.name).collect())
}

pub async fn find(site: &Site) -> Result<Vec<Found>, Fault> {
    let notes = note::all(site, Sort::Namespace).await?;
    let mut all = BTreeMap::new();
    let folders = site.run(files::tree(&format!("{}/routers", site.settings.storage), 1)).await?;
    for id in folders.iter().filter_map(|below| below.path.parse().ok().map(ResourceId)) {
        all.insert(id, "only its files");
    }
    for id in site.run(netns::list()).await?.iter().filter_map(|name| number(name)) {
        all.insert(id, "");
    }
    let mut found = Vec::new();
    for (id, detail) in all {
        let one = Found::new(Sort::Namespace, names::router_namespace(id), Some(id));
        let aside = notes.contains(&one.name) && is_up(site, id).await?.is_empty();
        found.push(Found { aside, detail: detail.into(), ..one });
    }
    Ok(found)
}

async fn is_there(site: &Site, found: &Found) -> Result<bool, Fault> {
    let folder = names::router_folder(&site.settings.storage, router(site, found)?);
    Ok(has_namespace(site, found).await? || site.run(files::exists(&folder)).await?)
}

async fn has_namespace(site: &Site, found: &Found) -> Result<bool, Fault> {
    Ok(site.run(netns::list()).await?.contains(&found.name))
}

/// Its unit, and where that is kept meanwhile.
fn unit(site: &Site, found: &Found, router: ResourceId) -> (String, String) {
    let aside = names::aside(&site.settings.storage, Sort::Namespace, &found.name);
    (names::router_unit_file(router), format!("{aside}.service"))
}

async fn rename(site: &Site, from: &str, to: &str) -> Result<(), Fault> {
    if site.run(files::exists(from)).await? { site.run(files::rename(from, to)).await } else { Ok(()) }
}

pub async fn set_aside(site: &Site, found: &Found) -> Result<(), Fault> {
    let router = router(site, found)?;
    if !is_there(site, found).await? {
        return Err(site.gone(found));
    }
    let up = is_up(site, router).await?;
    note::write(site, found, &Note { up: up.clone() }).await?;
    let (unit, kept) = unit(site, found, router);
    rename(site, &unit, &kept).await?;
    set(site, &up, "down").await
}

async fn set(site: &Site, links: &[String], how: &str) -> Result<(), Fault> {
    if links.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = links.iter().map(|link| format!("link set dev {link} {how}")).collect();
    site.run(link::batch(&lines)).await
}

pub async fn put_back(site: &Site, found: &Found) -> Result<(), Fault> {
    let router = router(site, found)?;
    if !is_there(site, found).await? {
        return Err(site.gone(found));
    }
    let Some(note) = note::read::<Note>(site, found).await? else { return Ok(()) };
    let (unit, kept) = unit(site, found, router);
    rename(site, &kept, &unit).await?;
    // After a reboot its cables are not there.
    let links = site.run(link::of_group(names::router_group(router))).await?;
    let up: Vec<String> = note.up.into_iter().filter(|name| links.iter().any(|link| &link.name == name)).collect();
    set(site, &up, "up").await?;
    note::remove(site, found).await
}

pub async fn purge(site: &Site, found: &Found) -> Result<(), Fault> {
    let router = router(site, found)?;
    if is_there(site, found).await? {
        let is_plugged = !is_up(site, router).await?.is_empty();
        if is_plugged || note::read::<Note>(site, found).await?.is_none() {
            return Err(site.in_place(found));
        }
    }
    // Before the namespace: the kernel takes them along in its own time.
    let left = site.run(link::of_group(names::router_group(router))).await?;
    if !left.is_empty() {
        let lines: Vec<String> = left.iter().map(|link| format!("link delete dev {}", link.name)).collect();
        site.run(link::batch(&lines)).await?;
    }
    if has_namespace(site, found).await? {
        end_processes(site, found).await?;
        site.run(netns::delete(&found.name)).await?;
    }
    site.run(files::remove_tree(&names::router_folder(&site.settings.storage, router))).await?;
    let (_, kept) = unit(site, found, router);
    site.remove(&kept).await?;
    note::remove(site, found).await
}

/// Whatever runs in it would keep it alive without its name.
async fn end_processes(site: &Site, found: &Found) -> Result<(), Fault> {
    let pids = site.run(netns::pids(&found.name)).await?;
    if pids.is_empty() {
        return Ok(());
    }
    site.run(kill::terminate(&pids)).await?;
    for _ in 0..GLANCES {
        if site.run(netns::pids(&found.name)).await?.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(GLANCE).await;
    }
    let left = site.run(netns::pids(&found.name)).await?;
    Err(site.in_use(found, &format!("the processes {left:?}")))
}
