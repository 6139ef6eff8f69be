//! A virtual router without hardware: it goes through every state as a real one does, and rehearses faults on request.

use lifecycle::{Driver, Entry, verb};
use model::Kind;

mod build;
mod quiesce;
mod restart;
mod scrub;
mod scrubprep;
mod updatequiesced;
mod updaterunning;

pub static DRIVER: Driver = Driver { kind: Kind::VirtualRouterPhantom, verbs: VERBS };

const VERBS: &[Entry] = &[
    verb!(Build: build),
    verb!(Quiesce: quiesce),
    verb!(Restart: restart),
    verb!(Scrubprep: scrubprep),
    verb!(Scrub: scrub),
    verb!(Updaterunning: updaterunning),
    verb!(Updatequiesced: updatequiesced),
];
