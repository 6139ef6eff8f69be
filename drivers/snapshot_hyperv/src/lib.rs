//! Snapshots of virtual machines on Hyper-V: checkpoints that the guest had a part in.

use lifecycle::{Driver, Entry, attempt};
use model::{Kind, Verb};

mod build;
mod scrub;
mod updaterunning;

mod difference;
mod plan;
mod steps;

pub static DRIVER: Driver = Driver { kind: Kind::SnapshotHyperv, verbs: VERBS };

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
    Entry {
        verb: Verb::Updaterunning,
        dispatch: |outbox, event| Box::pin(updaterunning::dispatch(outbox, event)),
        attempt: |work| Box::pin(attempt(work, updaterunning::prerequisites, updaterunning::execute)),
    },
];
