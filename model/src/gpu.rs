//! A device of its host that is given to a VM.

use crate::device::Device;
use crate::resource::Spec;
use crate::server::Capacity;
use crate::{ResourceId, ResourceType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub type Gpu = crate::resource::Resource<GpuSpec>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GpuSpec {
    /// The VM it is attached to.
    #[serde(default)]
    pub vm: Option<ResourceId>,
    /// On its host: a PCI address, `0000:65:00.0`, or the UUID of a mediated device.
    #[schema(value_type = String)]
    pub device: Device,
}

impl Spec for GpuSpec {
    const TYPE: ResourceType = ResourceType::Gpu;

    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    fn check_change(&self, next: &Self) -> Result<(), String> {
        if self.device != next.device {
            return Err("device cannot be changed".into());
        }
        match (self.vm, next.vm) {
            (Some(now), Some(next)) if now != next => Err(format!("vm: it is attached to vm {now}; detach it first")),
            _ => Ok(()),
        }
    }

    fn takes(&self) -> Capacity {
        Capacity::default()
    }
}
