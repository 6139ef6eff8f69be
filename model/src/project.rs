//! A project: whose resources these are, and how long a scrubbed one can be restored.

use crate::{Moment, ProjectId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The wish, as it is POSTed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectSpec {
    pub name: String,
    /// How long a scrubbed VM or router waits in `scrub_queue` and can be restored, in hours.
    #[serde(default = "default_grace_hours")]
    pub grace_hours: u32,
}

fn default_grace_hours() -> u32 {
    168
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Project {
    pub id: ProjectId,
    #[serde(flatten)]
    pub spec: ProjectSpec,
    pub version: Version,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Moment,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Moment,
}
