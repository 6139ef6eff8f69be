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
    /// The snapshot it was taken on top of; none for the first.
    #[serde(default)]
    pub parent: Option<ResourceId>,
    /// Whether a scrub takes what stands on top of it too.
    #[serde(default)]
    pub remove_subtree: bool,
}

impl Spec for SnapshotSpec {
    const TYPE: ResourceType = ResourceType::Snapshot;

    fn check(&self) -> Result<(), String> {
        if self.parent.is_some_and(|parent| parent == self.vm) {
            return Err("parent is a snapshot, not the VM".into());
        }
        Ok(())
    }

    fn check_change(&self, next: &Self) -> Result<(), String> {
        if self.vm == next.vm { Ok(()) } else { Err("vm cannot be changed".into()) }
    }

    fn takes(&self) -> Capacity {
        Capacity::default()
    }
}
