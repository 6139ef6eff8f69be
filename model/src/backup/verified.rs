//! What came of looking at a backup: every file of all that it stands on, and what can still be restored.

use crate::ResourceId;
use crate::task::ErrorRecord;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A backup of a chain, as its record says it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recorded {
    pub backup: ResourceId,
    /// Of its manifest; none when the record does not say.
    pub sha256: Option<String>,
}

/// A backup with all that it stands on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Verified {
    /// The full one first, the backup itself last.
    pub chain: Vec<Link>,
    /// Those of the chain that are whole with all that they stand on, and are not scrubbed.
    pub restorable: Vec<ResourceId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Link {
    pub backup: ResourceId,
    /// Kept only for those that stand on it.
    pub is_scrubbed: bool,
    /// The manifest first; the others only when it can be read.
    pub files: Vec<Checked>,
}

/// A file, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Checked {
    pub name: String,
    /// As the manifest says.
    pub bytes: u64,
    pub error: Option<ErrorRecord>,
}

impl Link {
    pub fn is_whole(&self) -> bool {
        self.files.iter().all(|file| file.error.is_none())
    }
}

impl Verified {
    pub fn new(chain: Vec<Link>) -> Self {
        let whole = chain.iter().take_while(|link| link.is_whole());
        let restorable = whole.filter(|link| !link.is_scrubbed).map(|link| link.backup).collect();
        Self { chain, restorable }
    }

    pub fn is_whole(&self) -> bool {
        self.chain.iter().all(Link::is_whole)
    }

    /// Every file that is not as it was written, each with whose it is.
    pub fn damaged(&self) -> impl Iterator<Item = (ResourceId, &Checked)> {
        let files = self.chain.iter().flat_map(|link| link.files.iter().map(|file| (link.backup, file)));
        files.filter(|(_, file)| file.error.is_some())
    }

    pub fn files(&self) -> usize {
        self.chain.iter().map(|link| link.files.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_on_something_damaged_cannot_be_restored() {
        let error = || ErrorRecord::of(&errors::Fault::new(&errors::backups::FILE_DAMAGED), None, None);
        let link = |id, is_scrubbed, damaged: bool| Link {
            backup: ResourceId(id),
            is_scrubbed,
            files: vec![Checked { name: "root.qcow2".into(), bytes: 1, error: damaged.then(error) }],
        };
        let restorable = |chain: &[(i64, bool, bool)]| {
            let verified =
                Verified::new(chain.iter().map(|(id, scrubbed, damaged)| link(*id, *scrubbed, *damaged)).collect());
            verified.restorable.into_iter().map(|id| id.0).collect::<Vec<_>>()
        };
        assert_eq!(restorable(&[(1, false, false), (2, true, false), (3, false, false)]), [1, 3]);
        assert_eq!(restorable(&[(1, false, false), (2, false, true), (3, false, false)]), [1]);
        assert!(restorable(&[(1, false, true), (2, false, false)]).is_empty());
    }
}
