//! A block volume in a Ceph pool.

use crate::resource::Spec;
use crate::server::Capacity;
use crate::{ResourceId, ResourceType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub type Ceph = crate::resource::Resource<CephSpec>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CephSpec {
    pub gb: u64,
    pub pool: String,
    /// The VM it is attached to.
    #[serde(default)]
    pub vm: Option<ResourceId>,
}

impl Spec for CephSpec {
    const TYPE: ResourceType = ResourceType::Ceph;

    fn check(&self) -> Result<(), String> {
        if self.gb == 0 {
            return Err("gb is at least 1".into());
        }
        crate::names::check_name("pool", &self.pool, 40)
    }

    fn check_change(&self, next: &Self) -> Result<(), String> {
        if next.gb < self.gb {
            return Err(format!("gb cannot shrink from {} to {}", self.gb, next.gb));
        }
        Ok(())
    }

    fn takes(&self) -> Capacity {
        Capacity { gb: self.gb, ..Capacity::default() }
    }
}
