//! A backup of a VM's disks in a repository.

use crate::resource::Spec;
use crate::server::Capacity;
use crate::{ResourceId, ResourceType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub type Backup = crate::resource::Resource<BackupSpec>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupSpec {
    pub vm: ResourceId,
    #[serde(default)]
    pub repository: Repository,
    /// How long it is kept, in hours.
    pub valid_hours: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Repository {
    #[default]
    Primary,
    Secondary,
}

impl Spec for BackupSpec {
    const TYPE: ResourceType = ResourceType::Backup;

    fn check(&self) -> Result<(), String> {
        if self.valid_hours == 0 {
            return Err("valid_hours is at least 1".into());
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
