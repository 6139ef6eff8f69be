//! A virtual router's wish: one per project.

use crate::resource::Spec;
use crate::server::Capacity;
use crate::vm::PhantomScript;
use crate::{ResourceType, SegmentId, ServerId, names};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub type VirtualRouter = crate::resource::Resource<VirtualRouterSpec>;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VirtualRouterSpec {
    /// Private segments with the address that the router has on each, `10.1.0.1/24`.
    #[serde(default)]
    pub segments: Vec<Segment>,
    /// The node it must stand on; without it the API picks one.
    #[serde(default)]
    pub server: Option<ServerId>,
    /// On a phantom server: faults to rehearse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phantom: Option<PhantomScript>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    pub name: String,
    /// Its number, by which it is told from another project's of the same name. Given by the API.
    #[serde(default)]
    pub id: Option<SegmentId>,
    /// The router's own address with prefix length.
    pub address: String,
}

impl Spec for VirtualRouterSpec {
    const TYPE: ResourceType = ResourceType::VirtualRouter;

    fn check(&self) -> Result<(), String> {
        for segment in &self.segments {
            names::check_name("segments.name", &segment.name, 12)?;
            names::check_cidr("segments.address", &segment.address)?;
        }
        Ok(())
    }

    fn check_change(&self, next: &Self) -> Result<(), String> {
        if self.server != next.server && next.server.is_some() {
            return Err("server cannot be changed".into());
        }
        Ok(())
    }

    fn takes(&self) -> Capacity {
        Capacity::default()
    }
}
