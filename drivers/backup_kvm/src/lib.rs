//! Backups of KVM guests: libvirt's push-mode backup jobs, full and incremental, into a repository.

use lifecycle::{Driver, Entry, verb};
use model::Kind;

mod build;
mod scrub;

mod choice;
mod job;
mod plan;
mod record;
mod steps;

pub use backups::verify;

pub static DRIVER: Driver = Driver { kind: Kind::BackupKvm, verbs: VERBS };

const VERBS: &[Entry] = &[verb!(Build: build), verb!(Scrub: scrub)];
