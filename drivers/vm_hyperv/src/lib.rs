//! Virtual machines on Windows: Hyper-V, by its own cmdlets.

use lifecycle::{Driver, Entry, attempt};
use model::{Kind, Verb};

mod build;
mod quiesce;
mod restart;
mod scrub;
mod scrubprep;
mod updatequiesced;
mod updaterunning;

mod parts;
mod plan;
mod steps;
mod update;

mod change;

pub static DRIVER: Driver = Driver { kind: Kind::VmHyperv, verbs: VERBS };

const VERBS: &[Entry] = &[
    Entry {
        verb: Verb::Build,
        dispatch: |outbox, event| Box::pin(build::dispatch(outbox, event)),
        attempt: |work| Box::pin(attempt(work, build::prerequisites, build::execute)),
    },
    Entry {
        verb: Verb::Quiesce,
        dispatch: |outbox, event| Box::pin(quiesce::dispatch(outbox, event)),
        attempt: |work| Box::pin(attempt(work, quiesce::prerequisites, quiesce::execute)),
    },
    Entry {
        verb: Verb::Restart,
        dispatch: |outbox, event| Box::pin(restart::dispatch(outbox, event)),
        attempt: |work| Box::pin(attempt(work, restart::prerequisites, restart::execute)),
    },
    Entry {
        verb: Verb::Scrubprep,
        dispatch: |outbox, event| Box::pin(scrubprep::dispatch(outbox, event)),
        attempt: |work| Box::pin(attempt(work, scrubprep::prerequisites, scrubprep::execute)),
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
    Entry {
        verb: Verb::Updatequiesced,
        dispatch: |outbox, event| Box::pin(updatequiesced::dispatch(outbox, event)),
        attempt: |work| Box::pin(attempt(work, updatequiesced::prerequisites, updatequiesced::execute)),
    },
];
