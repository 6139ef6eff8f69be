//! PCI devices of a host that are given to its VMs, with all that their IOMMU group holds.

use lifecycle::{Driver, Entry, attempt};
use model::{Kind, Verb};

mod updatequiesced;
mod updaterunning;

mod plan;
mod steps;

pub static DRIVER: Driver = Driver { kind: Kind::Gpu, verbs: VERBS };

const VERBS: &[Entry] = &[
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
