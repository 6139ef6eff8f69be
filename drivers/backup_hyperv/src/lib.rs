//! Backups of virtual machines on Hyper-V: whole exports of a VM into a repository, each with its checksums.

use lifecycle::{Driver, Entry, verb};
use model::Kind;

mod build;
mod scrub;

mod plan;
mod record;
mod steps;

pub use backups::exports::verify;

pub static DRIVER: Driver = Driver { kind: Kind::BackupHyperv, verbs: VERBS };

const VERBS: &[Entry] = &[verb!(Build: build), verb!(Scrub: scrub)];
