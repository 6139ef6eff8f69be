//! Snapshots of virtual machines on Hyper-V: checkpoints that the guest had a part in.

use lifecycle::{Driver, Entry, verb};
use model::Kind;

mod build;
mod scrub;
mod updaterunning;

mod difference;
mod plan;
mod steps;

pub static DRIVER: Driver = Driver { kind: Kind::SnapshotHyperv, verbs: VERBS };

const VERBS: &[Entry] = &[verb!(Build: build), verb!(Scrub: scrub), verb!(Updaterunning: updaterunning)];
