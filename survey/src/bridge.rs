//! Bridges with drover's alias. One that is set aside is down, under another alias, so that no scrub takes it for an idle one.

use crate::Site;
use crate::domain::Marked;
use commands::ip::{self, Bridge, link};
use errors::Fault;
use model::errand::{Found, Sort};
use model::{ResourceId, names};
use std::collections::BTreeSet;

pub async fn find(site: &Site, domains: &[Marked]) -> Result<Vec<Found>, Fault> {
    let mut all = Vec::new();
    for bridge in site.run(ip::bridges()).await?.into_iter().filter(|bridge| bridge.is_ours() || bridge.is_aside()) {
        let mut users: BTreeSet<ResourceId> = domains
            .iter()
            .filter(|domain| domain.bridges().any(|name| name == bridge.name))
            .map(|domain| domain.resource)
            .collect();
        let ports = ports(site, &bridge.name).await?;
        users.extend(ports.iter().filter_map(|port| router(port.alias.as_deref()?)));
        let aside = bridge.is_aside() && !bridge.is_up();
        let detail = if ports.is_empty() { String::new() } else { format!("{} links are plugged in", ports.len()) };
        let users = users.into_iter().collect();
        all.push(Found { users, aside, detail, ..Found::new(Sort::Bridge, bridge.name, None) });
    }
    Ok(all)
}

/// What is plugged in, but for what carries the segment from host to host.
async fn ports(site: &Site, bridge: &str) -> Result<Vec<ip::Port>, Fault> {
    let mut ports = site.run(ip::plugged(bridge)).await?;
    ports.retain(|port| !names::is_carrier(&port.name));
    Ok(ports)
}

/// Whose end of a cable it is: `drover router 7 segment web`.
fn router(alias: &str) -> Option<ResourceId> {
    alias.strip_prefix("drover router ")?.split(' ').next()?.parse().ok()
}

/// None when it is absent.
async fn own(site: &Site, found: &Found) -> Result<Option<Bridge>, Fault> {
    let bridges = site.run(ip::bridges()).await?;
    match bridges.into_iter().find(|bridge| bridge.name == found.name) {
        Some(bridge) if !bridge.is_ours() && !bridge.is_aside() => Err(site.foreign(found)),
        bridge => Ok(bridge),
    }
}

async fn needs_nobody(site: &Site, found: &Found) -> Result<(), Fault> {
    let ports = ports(site, &found.name).await?;
    if ports.is_empty() {
        return Ok(());
    }
    Err(site.in_use(found, &ports.into_iter().map(|port| port.name).collect::<Vec<_>>().join(", ")))
}

pub async fn set_aside(site: &Site, found: &Found) -> Result<(), Fault> {
    if own(site, found).await?.is_none() {
        return Err(site.gone(found));
    }
    needs_nobody(site, found).await?;
    site.run(ip::disclaim(&found.name)).await?;
    site.run(ip::down(&found.name)).await
}

pub async fn put_back(site: &Site, found: &Found) -> Result<(), Fault> {
    if own(site, found).await?.is_none() {
        return Err(site.gone(found));
    }
    site.run(ip::up(&found.name)).await?;
    site.run(ip::claim(&found.name)).await
}

pub async fn purge(site: &Site, found: &Found) -> Result<(), Fault> {
    let Some(bridge) = own(site, found).await? else { return Ok(()) };
    if !bridge.is_aside() || bridge.is_up() {
        return Err(site.in_place(found));
    }
    needs_nobody(site, found).await?;
    for port in site.run(ip::plugged(&found.name)).await? {
        site.run(link::batch(&[format!("link delete dev {}", port.name)])).await?;
    }
    site.run(ip::delete_bridge(&found.name)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_routers_cable_says_whose_it_is() {
        assert_eq!(router("drover router 7 segment web"), Some(ResourceId(7)));
        assert_eq!(router("drover router 7 uplink"), Some(ResourceId(7)));
        assert_eq!(router("drover"), None);
    }
}
