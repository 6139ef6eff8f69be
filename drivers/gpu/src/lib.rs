//! Devices of a host that are given to its VMs: PCI devices with all that their IOMMU group holds, and mediated ones.

use lifecycle::{Driver, Entry, verb};
use model::Kind;

mod updatequiesced;
mod updaterunning;

mod mediated;
mod plan;
mod steps;

pub static DRIVER: Driver = Driver { kind: Kind::Gpu, verbs: VERBS };

const VERBS: &[Entry] = &[verb!(Updaterunning: updaterunning), verb!(Updatequiesced: updatequiesced)];
