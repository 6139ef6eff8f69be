//! A PCI device that is given to a VM.

use crate::pci::PciAddress;
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
    /// PCI address on its host, `0000:65:00.0`.
    pub device: String,
}

impl GpuSpec {
    /// None when it was not checked.
    pub fn address(&self) -> Option<PciAddress> {
        self.device.parse().ok()
    }
}

impl Spec for GpuSpec {
    const TYPE: ResourceType = ResourceType::Gpu;

    fn check(&self) -> Result<(), String> {
        self.device.parse::<PciAddress>().map(|_| ()).map_err(|reason| format!("device: {reason}"))
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
