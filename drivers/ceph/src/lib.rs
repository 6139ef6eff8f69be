//! Block volumes: RBD images of a Ceph cluster, built and removed there, attached to VMs by the libvirt of their hosts.

use lifecycle::{Driver, Entry, verb};
use model::Kind;

mod build;
mod scrub;
mod updatequiesced;
mod updaterunning;

mod update;

pub static DRIVER: Driver = Driver { kind: Kind::Ceph, verbs: VERBS };

const VERBS: &[Entry] = &[
    verb!(Build: build),
    verb!(Scrub: scrub),
    verb!(Updaterunning: updaterunning),
    verb!(Updatequiesced: updatequiesced),
];

/// `pool/image`
fn image(volume: &model::ceph::Ceph) -> String {
    model::names::in_pool(&volume.spec.pool, &model::names::volume(volume.id))
}
