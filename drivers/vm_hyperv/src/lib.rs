//! Virtual machines on Windows: Hyper-V, by its own cmdlets.

use lifecycle::{Driver, Entry, verb};
use model::Kind;

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
    verb!(Build: build),
    verb!(Quiesce: quiesce),
    verb!(Restart: restart),
    verb!(Scrubprep: scrubprep),
    verb!(Scrub: scrub),
    verb!(Updaterunning: updaterunning),
    verb!(Updatequiesced: updatequiesced),
];
