//! The catalogue: every failure drover can explain, as a code, a text, a cause, a remedy and a category.
//!
//! Catalogue first, types second: code is raised by naming an [`Entry`], and everything a reader meets (the API's
//! problem documents, `drover errors explain`, `docs/reference/errors.md`) is derived from the same entry.
//!
//! Codes of drivers read `<driver>_<verb>_<nnnn>`: 0xxx API interactions, 1xxx internal, 2xxx host commands.
//! An entry of a driver holds only the number; the lifecycle adds driver and verb where the fault is settled.

pub mod category;
pub mod fault;

pub mod backup_hyperv;
pub mod backup_kvm;
pub mod backups;
pub mod ceph;
pub mod domains;
pub mod driver;
pub mod errand;
pub mod gpu;
pub mod hyperv;
pub mod iaas;
pub mod locks;
pub mod operate;
pub mod queue;
pub mod snapshot_hyperv;
pub mod snapshot_kvm;
pub mod virtual_router;
pub mod vm_hyperv;
pub mod vm_kvm;

pub use category::{Category, Retry};
pub use fault::Fault;

/// One way to fail. `text` has named holes in braces, filled by [`Fault::hole`].
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The whole code (`iaas_vm_create_101`), or only its number (`2001`) for an entry of a driver.
    pub code: &'static str,
    pub text: &'static str,
    pub cause: &'static str,
    pub remedy: &'static str,
    pub category: Category,
}

/// Entries that stand under a prefix.
pub struct Chapter {
    /// Whose entries these are, for the reference page: `iaas`, `locks`, or a driver's name.
    pub title: &'static str,
    /// The `<driver>_<verb>` prefixes under which the numbers stand; empty when `Entry::code` is whole.
    pub scopes: &'static [&'static str],
    pub entries: &'static [&'static Entry],
}

/// The whole catalogue, in the order of the reference page.
pub const CATALOGUE: &[Chapter] = &[
    Chapter { title: "iaas", scopes: &[], entries: iaas::ENTRIES },
    Chapter { title: "queue", scopes: &[], entries: queue::ENTRIES },
    Chapter { title: "locks", scopes: &[], entries: locks::ENTRIES },
    Chapter { title: "drover", scopes: &[], entries: operate::ENTRIES },
    Chapter { title: "every driver", scopes: driver::SCOPES, entries: driver::ENTRIES },
    Chapter { title: "repositories of backups", scopes: backups::SCOPES, entries: backups::ENTRIES },
    Chapter { title: "backup_hyperv", scopes: backup_hyperv::SCOPES, entries: backup_hyperv::ENTRIES },
    Chapter { title: "backup_kvm", scopes: backup_kvm::SCOPES, entries: backup_kvm::ENTRIES },
    Chapter { title: "errands", scopes: errand::SCOPES, entries: errand::ENTRIES },
    Chapter { title: "libvirt domains", scopes: domains::SCOPES, entries: domains::ENTRIES },
    Chapter { title: "Hyper-V VMs", scopes: hyperv::SCOPES, entries: hyperv::ENTRIES },
    Chapter { title: "virtual_router", scopes: virtual_router::SCOPES, entries: virtual_router::ENTRIES },
    Chapter { title: "ceph", scopes: ceph::SCOPES, entries: ceph::ENTRIES },
    Chapter { title: "gpu", scopes: gpu::SCOPES, entries: gpu::ENTRIES },
    Chapter { title: "snapshot_hyperv", scopes: snapshot_hyperv::SCOPES, entries: snapshot_hyperv::ENTRIES },
    Chapter { title: "snapshot_kvm", scopes: snapshot_kvm::SCOPES, entries: snapshot_kvm::ENTRIES },
    Chapter { title: "vm_hyperv", scopes: vm_hyperv::SCOPES, entries: vm_hyperv::ENTRIES },
    Chapter { title: "vm_kvm", scopes: vm_kvm::SCOPES, entries: vm_kvm::ENTRIES },
];

/// Every code with its entry, whole: 51 driver verbs times their numbers, and the services' own codes.
pub fn all() -> impl Iterator<Item = (String, &'static Entry)> {
    CATALOGUE.iter().flat_map(|chapter| {
        chapter.entries.iter().flat_map(move |entry| {
            let whole = chapter.scopes.is_empty().then(|| entry.code.to_owned());
            let scoped = chapter.scopes.iter().map(move |scope| format!("{scope}_{}", entry.code));
            whole.into_iter().chain(scoped).map(move |code| (code, *entry))
        })
    })
}

/// The entry behind a code, as `drover errors explain` looks it up.
pub fn find(code: &str) -> Option<&'static Entry> {
    all().find(|(known, _)| known == code).map(|(_, entry)| entry)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn no_code_stands_twice() {
        let mut seen = BTreeSet::new();
        for (code, _) in super::all() {
            assert!(seen.insert(code.clone()), "{code} stands twice");
        }
        assert!(seen.len() > 500, "only {} codes", seen.len());
    }

    #[test]
    fn every_entry_has_a_cause_and_a_remedy_that_are_sentences() {
        for (code, entry) in super::all() {
            for part in [entry.text, entry.cause, entry.remedy] {
                assert!(part.len() > 10 && part.ends_with('.'), "{code}: {part:?} is no sentence");
            }
        }
    }
}
