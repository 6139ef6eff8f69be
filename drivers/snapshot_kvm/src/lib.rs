//! Snapshots of virtual machines on KVM: inside their qcow2 disks, with the memory of a guest that runs; disk by disk, when
//! one is an image of a Ceph pool.

use lifecycle::{Driver, Entry, verb};
use model::Kind;

mod build;
mod scrub;
mod updaterunning;

mod difference;
mod kept;
mod plan;
mod steps;
mod xml;

pub static DRIVER: Driver = Driver { kind: Kind::SnapshotKvm, verbs: VERBS };

const VERBS: &[Entry] = &[verb!(Build: build), verb!(Scrub: scrub), verb!(Updaterunning: updaterunning)];
