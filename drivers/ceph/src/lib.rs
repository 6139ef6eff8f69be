//! Block volumes: RBD images of a Ceph cluster, built and removed there, attached to VMs by the libvirt of their hosts.

use lifecycle::{Driver, Entry, attempt};
use model::{Kind, Verb};

mod build;
mod scrub;
mod updatequiesced;
mod updaterunning;

mod update;

pub static DRIVER: Driver = Driver { kind: Kind::Ceph, verbs: VERBS };

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
    Entry {
        verb: Verb::Updatequiesced,
        dispatch: |outbox, event| Box::pin(updatequiesced::dispatch(outbox, event)),
        attempt: |work| Box::pin(attempt(work, updatequiesced::prerequisites, updatequiesced::execute)),
    },
];

/// `pool/image`
fn image(volume: &model::ceph::Ceph) -> String {
    model::names::in_pool(&volume.spec.pool, &model::names::volume(volume.id))
}
