//! What all six types of resource have in common: where it is, whose it is, and the wish it carries.

use crate::drift::Drift;
use crate::task::ErrorRecord;
use crate::{Fence, Kind, Moment, ProjectId, ResourceId, ResourceType, ServerId, State, TaskId, Version};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use utoipa::ToSchema;

/// Facts by name.
pub type Facts = BTreeMap<String, serde_json::Value>;

/// A resource with its wanted spec.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Resource<S> {
    pub id: ResourceId,
    pub kind: Kind,
    pub project_id: ProjectId,
    pub name: String,
    pub state: State,
    pub spec: S,
    /// The server it stands on, chosen at creation.
    pub server_id: ServerId,
    /// The server's name.
    pub host: String,
    /// Of the newest attempt on it.
    pub fence: Fence,
    /// The newest task on it.
    pub task_id: Option<TaskId>,
    /// Why it is unresourced.
    pub error: Option<ErrorRecord>,
    /// What its driver found or made, for people and for later verbs.
    #[serde(default, skip_serializing_if = "Facts::is_empty")]
    #[schema(value_type = Object)]
    pub facts: Facts,
    /// How it differs on its host; none when it is as its record says, as far as anybody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    pub version: Version,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Moment,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Moment,
}

impl<S> Resource<S> {
    /// How people and logs name it: `vm 7`.
    pub fn label(&self) -> Label {
        Label(self.kind.resource_type(), self.id)
    }

    pub fn with<T>(self, spec: T) -> Resource<T> {
        let Self {
            id,
            kind,
            project_id,
            name,
            state,
            spec: _,
            server_id,
            host,
            fence,
            task_id,
            error,
            facts,
            drift,
            version,
            created_at,
            updated_at,
        } = self;
        Resource {
            id,
            kind,
            project_id,
            name,
            state,
            spec,
            server_id,
            host,
            fence,
            task_id,
            error,
            facts,
            drift,
            version,
            created_at,
            updated_at,
        }
    }
}

/// `vm 7`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(pub ResourceType, pub ResourceId);

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.1)
    }
}

/// What a type of resource wishes for: checked by the API, carried out by a driver.
pub trait Spec: Serialize + serde::de::DeserializeOwned + Clone + Send + Sync + 'static {
    const TYPE: ResourceType;

    /// What the record alone can tell is wrong, in a phrase that names the field.
    fn check(&self) -> Result<(), String>;

    /// Whether a running or quiesced resource can be brought from `self` to `next`; else why not.
    fn check_change(&self, next: &Self) -> Result<(), String>;

    /// What it takes of its server.
    fn takes(&self) -> crate::server::Capacity;
}
