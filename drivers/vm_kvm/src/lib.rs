//! Virtual machines on Linux: libvirt and QEMU, by their own command-line tools.

use lifecycle::{Driver, Entry, attempt};
use model::{Kind, Verb};

mod build;
mod quiesce;
mod restart;
mod scrub;
mod scrubprep;
mod updatequiesced;
mod updaterunning;

mod plan;
mod steps;
mod update;

mod actual;
mod change;
mod domain;
mod seed;

#[cfg(test)]
mod sample;

pub static DRIVER: Driver = Driver { kind: Kind::VmKvm, verbs: VERBS };

const VERBS: &[Entry] = &[
    Entry {
        verb: Verb::Build,
        dispatch: |outbox, event| Box::pin(build::dispatch(outbox, event)),
        attempt: |work| {
            Box::pin(attempt(
                work,
                |cx, vm| Box::pin(build::prerequisites(cx, vm)),
                |cx, vm, plan| Box::pin(build::execute(cx, vm, plan)),
            ))
        },
    },
    Entry {
        verb: Verb::Quiesce,
        dispatch: |outbox, event| Box::pin(quiesce::dispatch(outbox, event)),
        attempt: |work| {
            Box::pin(attempt(
                work,
                |cx, vm| Box::pin(quiesce::prerequisites(cx, vm)),
                |cx, vm, plan| Box::pin(quiesce::execute(cx, vm, plan)),
            ))
        },
    },
    Entry {
        verb: Verb::Restart,
        dispatch: |outbox, event| Box::pin(restart::dispatch(outbox, event)),
        attempt: |work| {
            Box::pin(attempt(
                work,
                |cx, vm| Box::pin(restart::prerequisites(cx, vm)),
                |cx, vm, plan| Box::pin(restart::execute(cx, vm, plan)),
            ))
        },
    },
    Entry {
        verb: Verb::Scrubprep,
        dispatch: |outbox, event| Box::pin(scrubprep::dispatch(outbox, event)),
        attempt: |work| {
            Box::pin(attempt(
                work,
                |cx, vm| Box::pin(scrubprep::prerequisites(cx, vm)),
                |cx, vm, plan| Box::pin(scrubprep::execute(cx, vm, plan)),
            ))
        },
    },
    Entry {
        verb: Verb::Scrub,
        dispatch: |outbox, event| Box::pin(scrub::dispatch(outbox, event)),
        attempt: |work| {
            Box::pin(attempt(
                work,
                |cx, vm| Box::pin(scrub::prerequisites(cx, vm)),
                |cx, vm, plan| Box::pin(scrub::execute(cx, vm, plan)),
            ))
        },
    },
    Entry {
        verb: Verb::Updaterunning,
        dispatch: |outbox, event| Box::pin(updaterunning::dispatch(outbox, event)),
        attempt: |work| {
            Box::pin(attempt(
                work,
                |cx, vm| Box::pin(updaterunning::prerequisites(cx, vm)),
                |cx, vm, plan| Box::pin(updaterunning::execute(cx, vm, plan)),
            ))
        },
    },
    Entry {
        verb: Verb::Updatequiesced,
        dispatch: |outbox, event| Box::pin(updatequiesced::dispatch(outbox, event)),
        attempt: |work| {
            Box::pin(attempt(
                work,
                |cx, vm| Box::pin(updatequiesced::prerequisites(cx, vm)),
                |cx, vm, plan| Box::pin(updatequiesced::execute(cx, vm, plan)),
            ))
        },
    },
];
