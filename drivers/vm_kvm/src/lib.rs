//! Virtual machines on Linux: libvirt and QEMU, by their own command-line tools.

use lifecycle::{Driver, Entry, verb};
use model::Kind;

mod build;
mod quiesce;
mod restart;
mod scrub;
mod scrubprep;
mod updatequiesced;
mod updaterunning;

mod images;
mod parts;
mod plan;
mod steps;
mod update;

mod change;
mod domain;
mod seed;

#[cfg(test)]
mod sample;

pub static DRIVER: Driver = Driver { kind: Kind::VmKvm, verbs: VERBS };

const VERBS: &[Entry] = &[
    verb!(Build: build),
    verb!(Quiesce: quiesce),
    verb!(Restart: restart),
    verb!(Scrubprep: scrubprep),
    verb!(Scrub: scrub),
    verb!(Updaterunning: updaterunning),
    verb!(Updatequiesced: updatequiesced),
];
