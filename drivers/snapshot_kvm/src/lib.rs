//! Snapshots of virtual machines on KVM: inside their qcow2 disks, with the memory of a guest that runs; disk by disk, when
//! one is an image of a Ceph pool.

use lifecycle::{Driver, Entry, attempt};
use model::{Kind, Verb};

mod build;
mod scrub;
mod updaterunning;

mod difference;
mod kept;
mod plan;
mod steps;
mod xml;

pub static DRIVER: Driver = Driver { kind: Kind::SnapshotKvm, verbs: VERBS };

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
