//! An errand: a small job on a host that changes no resource's state. A survey tells what drover has made there; what
//! nobody's record names is an orphan, set aside, put back or removed by further errands. A verification tells whether a
//! backup is as it was written.

use crate::backup::{Recorded, Repository, Verified};
use crate::kinds::{Kind, UnknownWord, words};
use crate::server::Server;
use crate::task::ErrorRecord;
use crate::{ErrandId, Moment, OrphanId, ResourceId, ServerId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

words! {
    /// What a thing on a host is.
    Sort {
        /// A libvirt domain, or a VM of Hyper-V with its folder.
        Domain = "domain",
        /// A file of a VM: a disk, one that is being made, a log; on Hyper-V the folder of a VM that is not there.
        Disk = "disk",
        Seed = "seed",
        /// Of a segment.
        Bridge = "bridge",
        /// A virtual router's network namespace, with its links and its files.
        Namespace = "namespace",
        /// Of a Ceph pool.
        Image = "image",
        /// Of a domain.
        Checkpoint = "checkpoint",
        /// A folder of a backup repository.
        Backup = "backup",
    }

    ErrandStatus {
        Queued = "queued",
        Running = "running",
        Succeeded = "succeeded",
        Failed = "failed",
    }
}

impl ErrandStatus {
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// A thing on a host that carries drover's mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Found {
    pub sort: Sort,
    /// Tells it from the others of its sort on the host.
    pub name: String,
    /// Whose it is, as its mark says.
    pub resource: Option<ResourceId>,
    /// Others that need it: backups that stand on a backup, VMs that are plugged into a bridge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<ResourceId>,
    /// What it takes up; 0 where that makes no sense.
    pub bytes: u64,
    /// Whether it is in quarantine.
    pub aside: bool,
    /// In a few words, for people.
    pub detail: String,
}

impl Found {
    pub fn new(sort: Sort, name: impl Into<String>, resource: Option<ResourceId>) -> Self {
        let (users, detail) = (Vec::new(), String::new());
        Self { sort, name: name.into(), resource, users, bytes: 0, aside: false, detail }
    }

    /// What tells it from everything else on its host.
    pub fn key(&self) -> (Sort, &str) {
        (self.sort, &self.name)
    }
}

/// `domain drover-7`
impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.sort, self.name)
    }
}

/// What an errand is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// Tell what drover has made on the host. Only looks.
    Survey,
    /// Set a thing aside: it does no harm, and can be put back.
    Quarantine { found: Found },
    /// Put it back as it was.
    Restore { found: Found },
    /// Remove it for ever; one that is not in quarantine only when `now` says so.
    Purge { found: Found, now: bool },
    /// Tell whether a backup and all that it stands on are as they were written. Only looks.
    Verify {
        kind: Kind,
        vm: ResourceId,
        repository: Repository,
        /// As the records say: the full one first, the backup itself last.
        chain: Vec<Recorded>,
    },
}

impl What {
    pub const WORDS: &[&str] = &["survey", "quarantine", "restore", "purge", "verify"];

    pub const fn word(&self) -> &'static str {
        match self {
            Self::Survey => "survey",
            Self::Quarantine { .. } => "quarantine",
            Self::Restore { .. } => "restore",
            Self::Purge { .. } => "purge",
            Self::Verify { .. } => "verify",
        }
    }

    /// What it acts on; what only looks acts on nothing.
    pub const fn found(&self) -> Option<&Found> {
        match self {
            Self::Survey | Self::Verify { .. } => None,
            Self::Quarantine { found } | Self::Restore { found } | Self::Purge { found, .. } => Some(found),
        }
    }

    /// The backup that it looks at.
    pub fn verifies(&self) -> Option<ResourceId> {
        match self {
            Self::Verify { chain, .. } => chain.last().map(|newest| newest.backup),
            Self::Survey | Self::Quarantine { .. } | Self::Restore { .. } | Self::Purge { .. } => None,
        }
    }
}

/// `purge domain drover-7`, `verify backup 31`
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.found(), self.verifies()) {
            (Some(found), _) => write!(f, "{} {found}", self.word()),
            (None, Some(backup)) => write!(f, "{} backup {backup}", self.word()),
            (None, None) => f.write_str(self.word()),
        }
    }
}

/// An errand from its request to its end; kept as the trail of who did what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Errand {
    pub id: ErrandId,
    pub server_id: ServerId,
    pub host: String,
    #[serde(flatten)]
    pub what: What,
    pub status: ErrandStatus,
    pub asked_by: String,
    /// Each worker's try has the next number; what an earlier one writes is refused.
    pub attempts: u32,
    pub worker: Option<String>,
    /// Of a survey.
    pub surveyed: Option<Surveyed>,
    /// Of a verification.
    pub verified: Option<Verified>,
    /// How far it is, in a few words.
    pub note: Option<String>,
    pub error: Option<ErrorRecord>,
    #[schema(value_type = String, format = DateTime)]
    pub requested_at: Moment,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Moment>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Moment>,
}

/// What came of a survey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Surveyed {
    /// Things with drover's mark.
    pub found: u32,
    /// Those of them without a record.
    pub orphans: u32,
}

/// A thing with drover's mark that belongs to no record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Orphan {
    pub id: OrphanId,
    pub server_id: ServerId,
    pub host: String,
    #[serde(flatten)]
    pub found: Found,
    #[schema(value_type = String, format = DateTime)]
    pub first_seen: Moment,
    #[schema(value_type = String, format = DateTime)]
    pub last_seen: Moment,
    /// Since when it is in quarantine.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub set_aside_at: Option<Moment>,
}

/// An errand as its worker gets it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Taken {
    pub errand: Errand,
    pub server: Server,
    pub lease_secs: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_errand_has_its_word_on_the_wire() {
        let found = Found::new(Sort::Domain, "drover-7", Some(ResourceId(7)));
        let link = Recorded { backup: ResourceId(31), sha256: None };
        let all = [
            What::Survey,
            What::Quarantine { found: found.clone() },
            What::Restore { found: found.clone() },
            What::Purge { found, now: true },
            What::Verify {
                kind: Kind::BackupKvm,
                vm: ResourceId(7),
                repository: Repository::Primary,
                chain: vec![link],
            },
        ];
        let words: Vec<_> = all.iter().map(What::word).collect();
        assert_eq!(words, What::WORDS);
        for what in &all {
            assert_eq!(serde_json::to_value(what).unwrap()["what"], what.word());
        }
        assert_eq!(all[3].to_string(), "purge domain drover-7");
        assert_eq!(all[4].to_string(), "verify backup 31");
    }
}
