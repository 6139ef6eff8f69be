//! What tenants and operators send and get.

use model::backup::Repository;
use model::drift::{Drift, DriftPolicy};
use model::errand::{ErrandStatus, Sort};
use model::resource::Resource;
use model::task::TaskStatus;
use model::{Kind, Moment, OrphanId, ProjectId, ResourceId, State, TaskId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/vms`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Create<S> {
    pub project_id: ProjectId,
    pub name: String,
    pub spec: S,
}

/// `PATCH /v1/vms/7`: a JSON merge patch (RFC 7396) of the wish; a `null` takes a member back to its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    #[schema(value_type = Object)]
    pub spec: serde_json::Value,
}

/// `POST /v1/vms/7/state`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskState {
    pub state: State,
    /// Of the scrub of a snapshot: whether it takes along what stands on top of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove_subtree: Option<bool>,
}

impl From<State> for AskState {
    fn from(state: State) -> Self {
        Self { state, remove_subtree: None }
    }
}

/// 202: the change is stored and will be carried out; follow the task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Accepted<S> {
    pub resource: Resource<S>,
    pub task_id: TaskId,
    /// `/v1/tasks/12`
    pub task_url: String,
}

/// The answer to a create with `?dry_run=true`: where it would stand. Nothing is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Placement {
    pub host: String,
    pub kind: Kind,
}

/// One page of a list, in the order of ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Pass it as `?cursor=` for the next page; none on the last.
    pub next: Option<String>,
}

/// Filters of resource lists.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceFilter {
    pub project: Option<ProjectId>,
    pub state: Option<State>,
    /// A server's name.
    pub host: Option<String>,
    pub name: Option<String>,
    /// Closed resources are left out unless this, or `state=closed`, is given.
    #[serde(default)]
    pub closed: bool,
    pub cursor: Option<String>,
    /// At most 500; 100 when left out.
    pub limit: Option<u32>,
}

/// Filters of the list of tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskFilter {
    pub project: Option<ProjectId>,
    pub resource: Option<ResourceId>,
    pub status: Option<TaskStatus>,
    pub host: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

/// The roles that a token can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees and changes the resources of one project.
    Tenant,
    /// Sees and changes everything that people may.
    Operator,
    /// Reads the feed, sweeps.
    Dispatcher,
    /// Sees and moves the tasks of its own hosts.
    Worker,
}

/// `POST /v1/tokens`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// Stands in histories as who did it.
    pub name: String,
    pub role: Role,
    /// A tenant's project.
    #[serde(default)]
    pub project_id: Option<ProjectId>,
    /// A worker's hosts, by server name; `*` is every host, for a fleet in one process.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// A token as it is listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenInfo {
    pub id: i64,
    #[serde(flatten)]
    pub token: CreateToken,
    pub revoked: bool,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Moment,
}

/// The only time that the secret is shown.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct CreatedToken {
    #[serde(flatten)]
    pub info: TokenInfo,
    pub secret: String,
}

/// `GET /v1/drift`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftFilter {
    pub project: Option<ProjectId>,
    pub host: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

/// A resource that differs from its record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Drifted {
    pub id: ResourceId,
    pub kind: Kind,
    pub project_id: ProjectId,
    pub name: String,
    pub state: State,
    pub host: String,
    pub drift: Drift,
}

/// `POST /v1/drift/7`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftAsk {
    /// `report` looks again.
    pub policy: DriftPolicy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DriftAsked {
    /// The task to follow; none when the record was changed at once.
    pub task_id: Option<TaskId>,
}

/// `POST /v1/errands`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub enum AskErrand {
    /// Look for what has no record.
    Survey {
        host: String,
    },
    Quarantine {
        orphan: OrphanId,
    },
    Restore {
        orphan: OrphanId,
    },
    Purge {
        orphan: OrphanId,
        /// Also when it is not in quarantine.
        #[serde(default)]
        now: bool,
    },
    /// Look whether a backup and all that it stands on are as they were written.
    Verify {
        backup: ResourceId,
        /// Where to look; the one that it was made in when left out.
        #[serde(default)]
        repository: Option<Repository>,
    },
}

/// Filters of the list of errands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrandFilter {
    pub host: Option<String>,
    /// `survey`, `quarantine`, `restore`, `purge` or `verify`.
    pub what: Option<String>,
    pub status: Option<ErrandStatus>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

/// Filters of the list of orphans.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrphanFilter {
    pub host: Option<String>,
    pub sort: Option<Sort>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}
