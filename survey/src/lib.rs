//! What drover has made on a host, found by its marks; and setting such a thing aside, putting it back, removing it.
//!
//! # Flow
//! A sort of thing is a module of four functions: `find` looks for all of the sort, in their places and in quarantine;
//! `set_aside`, `put_back` and `purge` act on one that was found, each looking first.
//!
//! # Guarantees
//! A survey is whole or fails: what it does not name was not there. Each act can be done again, after a kill anywhere too,
//! and ends the same. What does not carry drover's mark is never touched. What is set aside does no harm and takes nothing
//! with it: put back, it is as it was, but not started.
//!
//! # Assumptions
//! Acts are done under the locks that [`locks`] names.
//!
//! # Errors
//! `FOUND_GONE`, `FOUND_FOREIGN`, `FOUND_IN_USE`, `FOUND_IN_PLACE`, `PLACE_TAKEN`, and whatever a host can say.

mod backup;
mod bridge;
mod checkpoint;
mod domain;
mod file;
mod hyperv;
mod image;
mod namespace;
mod note;
mod site;

pub use site::Site;

use errors::Fault;
use futures::future::BoxFuture;
use model::ServerType;
use model::errand::{Found, Sort};
use model::lock::LockName;

/// Everything on the host that carries drover's mark, in quarantine too.
pub async fn find(site: &Site) -> Result<Vec<Found>, Fault> {
    let mut all = Vec::new();
    match site.server_type {
        ServerType::Kvm => {
            let domains = domain::marked(site).await?;
            all.extend(domain::find(site, &domains).await?);
            all.extend(file::find(site).await?);
            all.extend(bridge::find(site, &domains).await?);
            all.extend(checkpoint::find(site, &domains).await?);
            all.extend(backup::find(site).await?);
        }
        ServerType::Router => {
            all.extend(namespace::find(site).await?);
            all.extend(bridge::find(site, &[]).await?);
        }
        ServerType::Ceph => all.extend(image::find(site).await?),
        ServerType::Hyperv => all.extend(hyperv::find(site).await?),
        ServerType::Phantom => {}
    }
    all.sort_by(|a, b| a.key().cmp(&b.key()));
    Ok(all)
}

/// What acting on it needs: the locks of those that act there themselves.
pub fn locks(found: &Found, host: &str) -> Vec<LockName> {
    let host = || host.to_owned();
    let mut locks: Vec<LockName> = match found.sort {
        Sort::Bridge => vec![LockName::Network { host: host(), segment: found.name.clone() }],
        Sort::Checkpoint => checkpoint::vm(found).into_iter().map(|id| LockName::Resource { id }).collect(),
        Sort::Backup => backup::vm(found).into_iter().map(|id| LockName::Resource { id }).collect(),
        Sort::Domain | Sort::Disk | Sort::Seed | Sort::Namespace | Sort::Image => Vec::new(),
    };
    locks.extend(found.resource.map(|id| LockName::Resource { id }));
    if locks.is_empty() {
        locks.push(LockName::Host { host: host() });
    }
    locks.sort();
    locks.dedup();
    locks
}

pub async fn set_aside(site: &Site, found: &Found) -> Result<(), Fault> {
    (acts(site, found)?.set_aside)(site, found).await
}

pub async fn put_back(site: &Site, found: &Found) -> Result<(), Fault> {
    (acts(site, found)?.put_back)(site, found).await
}

/// Only of what is in quarantine; what is absent has been removed already.
pub async fn purge(site: &Site, found: &Found) -> Result<(), Fault> {
    (acts(site, found)?.purge)(site, found).await
}

type Act = for<'a> fn(&'a Site, &'a Found) -> BoxFuture<'a, Result<(), Fault>>;

/// What a module does with a thing of its sort.
struct Acts {
    set_aside: Act,
    put_back: Act,
    purge: Act,
}

macro_rules! acts {
    ($($module:ident)::+) => {
        Acts {
            set_aside: |site, found| Box::pin($($module)::+::set_aside(site, found)),
            put_back: |site, found| Box::pin($($module)::+::put_back(site, found)),
            purge: |site, found| Box::pin($($module)::+::purge(site, found)),
        }
    };
}

fn acts(site: &Site, found: &Found) -> Result<Acts, Fault> {
    Ok(match (site.server_type, found.sort) {
        (ServerType::Hyperv, Sort::Domain) => acts!(hyperv::vm),
        (ServerType::Hyperv, Sort::Disk) => acts!(hyperv::folder),
        (ServerType::Hyperv, Sort::Checkpoint) => acts!(hyperv::checkpoint),
        (ServerType::Hyperv, Sort::Backup) => acts!(hyperv::export),
        (ServerType::Hyperv, Sort::Seed | Sort::Bridge | Sort::Namespace | Sort::Image) => return Err(site.gone(found)),
        (_, Sort::Domain) => acts!(domain),
        (_, Sort::Disk | Sort::Seed) => acts!(file),
        (_, Sort::Bridge) => acts!(bridge),
        (_, Sort::Checkpoint) => acts!(checkpoint),
        (_, Sort::Backup) => acts!(backup),
        (_, Sort::Namespace) => acts!(namespace),
        (_, Sort::Image) => acts!(image),
    })
}
