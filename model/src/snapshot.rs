//! A snapshot of a VM's disks, in a tree per VM.

use crate::resource::Spec;
use crate::server::Capacity;
use crate::{ResourceId, ResourceType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub type Snapshot = crate::resource::Resource<SnapshotSpec>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SnapshotSpec {
    pub vm: ResourceId,
    /// The snapshot it stands on; none for the first. Given by the API.
    #[serde(default)]
    pub parent: Option<ResourceId>,
    /// Whether a scrub takes what stands on top of it too.
    #[serde(default)]
    pub remove_subtree: bool,
}

impl Spec for SnapshotSpec {
    const TYPE: ResourceType = ResourceType::Snapshot;

    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    fn check_change(&self, _next: &Self) -> Result<(), String> {
        // An update of a snapshot reverts its VM: not to be had by changing a wish.
        Err("a snapshot has nothing to change; ask for running_update to revert its VM to it".into())
    }

    fn takes(&self) -> Capacity {
        Capacity::default()
    }
}
