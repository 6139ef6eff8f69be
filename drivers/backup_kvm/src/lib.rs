//! Backups of KVM guests: libvirt's push-mode backup jobs, full and incremental, into a repository.

use lifecycle::{Driver, Entry, attempt};
use model::{Kind, Verb};

mod build;
mod scrub;

mod choice;
mod job;
mod plan;
mod steps;

pub use backups::verify;

pub static DRIVER: Driver = Driver { kind: Kind::BackupKvm, verbs: VERBS };

const VERBS: &[Entry] = &[
    Entry {
        verb: Verb::Build,
        dispatch: |outbox, event| Box::pin(build::dispatch(outbox, event)),
        attempt: |work| Box::pin(attempt(work, build::prerequisites, build::execute)),
    },
    Entry {
        verb: Verb::Scrub,
        dispatch: |outbox, event| Box::pin(scrub::dispatch(outbox, event)),
        attempt: |work| Box::pin(attempt(work, scrub::prerequisites, scrub::execute)),
    },
];
