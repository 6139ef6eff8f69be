//! Backups of virtual machines on Hyper-V: whole exports of a VM into a repository, each with its checksums.

use lifecycle::{Driver, Entry, attempt};
use model::{Kind, Verb};

mod build;
mod scrub;

mod plan;
mod record;
mod steps;

pub use backups::exports::verify;

pub static DRIVER: Driver = Driver { kind: Kind::BackupHyperv, verbs: VERBS };

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
