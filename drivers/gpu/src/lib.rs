//! PCI devices of a host that are given to its VMs, with all that their IOMMU group holds.

use lifecycle::{Driver, Entry, verb};
use model::Kind;

mod updatequiesced;
mod updaterunning;

mod plan;
mod steps;

pub static DRIVER: Driver = Driver { kind: Kind::Gpu, verbs: VERBS };

const VERBS: &[Entry] = &[verb!(Updaterunning: updaterunning), verb!(Updatequiesced: updatequiesced)];
