//! The guest's first settings: on a disc that is there until the guest has read it, and no longer.

use crate::steps::drive::disc_slot;
use commands::hyperv::dvd::Dvd;
use commands::hyperv::vm::State;
use commands::hyperv::{adapter, dvd, file, vm};
use errors::Fault;
use hyperv::{files, identifier, own, present};
use lifecycle::{Acted, Context, Look, Looked, Step};
use model::vm::Vm;
use model::{ResourceId, windows};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::time::Duration;

/// Only the system and administrators may read it: it may hold a password.
const MODE: u32 = 0o600;

const GLANCE: Duration = Duration::from_secs(1);

/// Whether the guest has had its first settings, which are of use at its first start only: one that is off again has an empty
/// drive where they were.
fn has_had_them(found: &vm::Vm, drives: &[Dvd]) -> bool {
    found.state != State::Off || drives.iter().any(|drive| drive.location == disc_slot() && drive.path.is_none())
}

fn holds(drives: &[Dvd], path: &str) -> bool {
    drives.iter().filter_map(|drive| drive.path.as_ref()).any(|found| windows::is_same(found, path))
}

/// The disc's file, before the guest is started for the first time.
pub struct Disc {
    pub vm: ResourceId,
    pub path: String,
    pub bytes: Vec<u8>,
}

impl Step for Disc {
    fn name(&self) -> String {
        "write settings".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            if let Some(found) = own(cx, self.vm).await?
                && has_had_them(&found, &cx.run(dvd::list(&found.id)).await?)
            {
                return Ok(Look::Done);
            }
            if !files::exists(cx, &self.path).await? {
                return Ok(Look::Todo);
            }
            let wanted: String = Sha256::digest(&self.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            Ok(Look::done_if(cx.run(file::sha256(&self.path)).await? == Some(wanted)))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.put(&self.path, &self.bytes, MODE).await })
    }
}

pub struct Inserted {
    pub vm: ResourceId,
    pub path: String,
}

impl Step for Inserted {
    fn name(&self) -> String {
        "insert settings".into()
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let Some(found) = own(cx, self.vm).await? else { return Ok(Look::Todo) };
            let drives = cx.run(dvd::list(&found.id)).await?;
            Ok(Look::done_if(has_had_them(&found, &drives) || holds(&drives, &self.path)))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move { cx.run(dvd::add(&identifier(cx, self.vm).await?, &self.path, disc_slot())).await })
    }
}

/// The disc is taken away once the guest answers, or has had its time.
pub struct TakenAway {
    pub vm: Vm,
    pub path: String,
}

impl TakenAway {
    /// It has an address of its wish, or where that names none, one that others can reach. Without a nic its heart beats.
    async fn answers(&self, cx: &Context, id: &str) -> Result<bool, Fault> {
        let spec = &self.vm.spec;
        if spec.nics.is_empty() {
            return Ok(cx.run(vm::pulse(id)).await?.is_some_and(|pulse| pulse.heartbeat.starts_with("Ok")));
        }
        let wanted: Vec<IpAddr> =
            spec.nics.iter().flat_map(|nic| &nic.addresses).filter_map(|text| address(text)).collect();
        let adapters = cx.run(adapter::list(id)).await?;
        let mut found = adapters.iter().flat_map(|adapter| &adapter.addresses).filter_map(|text| address(text));
        Ok(found.any(|found| if wanted.is_empty() { is_reachable(&found) } else { wanted.contains(&found) }))
    }
}

fn address(text: &str) -> Option<IpAddr> {
    text.split(['/', '%']).next()?.parse().ok()
}

fn is_reachable(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_link_local() && !address.is_loopback() && !address.is_unspecified(),
        IpAddr::V6(address) => !address.is_unicast_link_local() && !address.is_loopback() && !address.is_unspecified(),
    }
}

impl Step for TakenAway {
    fn name(&self) -> String {
        "take settings away".into()
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(2 * 3600)
    }

    fn look<'a>(&'a self, cx: &'a Context) -> Looked<'a> {
        Box::pin(async move {
            let Some(found) = own(cx, self.vm.id).await? else { return Ok(Look::Todo) };
            let is_in = holds(&cx.run(dvd::list(&found.id)).await?, &self.path);
            Ok(Look::done_if(!is_in && !files::exists(cx, &self.path).await?))
        })
    }

    fn act<'a>(&'a self, cx: &'a Context) -> Acted<'a> {
        Box::pin(async move {
            let id = identifier(cx, self.vm.id).await?;
            if cx.is_dry_run() {
                cx.run(dvd::eject(&id, &self.path)).await?;
                return cx.run(file::remove_tree(&self.path)).await;
            }
            let limit = Duration::from_secs(cx.settings.hyperv.first_boot_secs.into());
            let mut glances = limit.as_millis() / GLANCE.as_millis();
            cx.note("waiting for the guest");
            while !self.answers(cx, &id).await? {
                if glances == 0 {
                    cx.note(format!("the guest did not answer within {} s", limit.as_secs()));
                    break;
                }
                glances -= 1;
                cx.pause(GLANCE).await?;
            }
            let found = present(cx, self.vm.id).await?;
            if holds(&cx.run(dvd::list(&found.id)).await?, &self.path) {
                cx.run(dvd::eject(&id, &self.path)).await?;
            }
            files::remove_debris(cx, &self.path).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_the_own_link_is_no_answer() {
        let reachable = |text: &str| address(text).is_some_and(|address| is_reachable(&address));
        assert!(reachable("10.1.0.5") && reachable("10.1.0.5/24") && reachable("fd00::5"));
        assert!(!reachable("169.254.7.7") && !reachable("fe80::1%4") && !reachable("::1") && !reachable("none"));
    }
}
