//! A virtual router without hardware: it goes through every state as a real one does, and rehearses faults on request.

use lifecycle::{Driver, Entry, attempt};
use model::{Kind, Verb};

mod build;
mod quiesce;
mod restart;
mod scrub;
mod scrubprep;
mod updatequiesced;
mod updaterunning;

pub static DRIVER: Driver = Driver { kind: Kind::VirtualRouterPhantom, verbs: VERBS };

const VERBS: &[Entry] = &[
    Entry {
        verb: Verb::Build,
        dispatch: |outbox, event| Box::pin(build::dispatch(outbox, event)),
        attempt: |work| {
            Box::pin(attempt(
                work,
                |cx, router| Box::pin(build::prerequisites(cx, router)),
                |cx, router, plan| Box::pin(build::execute(cx, router, plan)),
            ))
        },
    },
    Entry {
        verb: Verb::Quiesce,
        dispatch: |outbox, event| Box::pin(quiesce::dispatch(outbox, event)),
        attempt: |work| {
            Box::pin(attempt(
                work,
                |cx, router| Box::pin(quiesce::prerequisites(cx, router)),
                |cx, router, plan| Box::pin(quiesce::execute(cx, router, plan)),
            ))
        },
    },
    Entry {
        verb: Verb::Restart,
        dispatch: |outbox, event| Box::pin(restart::dispatch(outbox, event)),
        attempt: |work| {
            Box::pin(attempt(
                work,
                |cx, router| Box::pin(restart::prerequisites(cx, router)),
                |cx, router, plan| Box::pin(restart::execute(cx, router, plan)),
            ))
        },
    },
    Entry {
        verb: Verb::Scrubprep,
        dispatch: |outbox, event| Box::pin(scrubprep::dispatch(outbox, event)),
        attempt: |work| {
            Box::pin(attempt(
                work,
                |cx, router| Box::pin(scrubprep::prerequisites(cx, router)),
                |cx, router, plan| Box::pin(scrubprep::execute(cx, router, plan)),
            ))
        },
    },
    Entry {
        verb: Verb::Scrub,
        dispatch: |outbox, event| Box::pin(scrub::dispatch(outbox, event)),
        attempt: |work| {
            Box::pin(attempt(
                work,
                |cx, router| Box::pin(scrub::prerequisites(cx, router)),
                |cx, router, plan| Box::pin(scrub::execute(cx, router, plan)),
            ))
        },
    },
    Entry {
        verb: Verb::Updaterunning,
        dispatch: |outbox, event| Box::pin(updaterunning::dispatch(outbox, event)),
        attempt: |work| {
            Box::pin(attempt(
                work,
                |cx, router| Box::pin(updaterunning::prerequisites(cx, router)),
                |cx, router, plan| Box::pin(updaterunning::execute(cx, router, plan)),
            ))
        },
    },
    Entry {
        verb: Verb::Updatequiesced,
        dispatch: |outbox, event| Box::pin(updatequiesced::dispatch(outbox, event)),
        attempt: |work| {
            Box::pin(attempt(
                work,
                |cx, router| Box::pin(updatequiesced::prerequisites(cx, router)),
                |cx, router, plan| Box::pin(updatequiesced::execute(cx, router, plan)),
            ))
        },
    },
];
