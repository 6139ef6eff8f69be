//! What dispatchers and workers send and get: `/v1/fleet/...`.

use model::backup::Backup;
use model::backup::Verified;
use model::errand::{Found, Taken};
use model::event::Event;
use model::image::Image;
use model::project::Project;
use model::resource::{Facts, Resource};
use model::server::Server;
use model::task::{ErrorRecord, Plan, Step, Task};
use model::vm::{Neighbour, Vm};
use model::{Fence, ResourceId, ResourceType, State, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/fleet/feed`: the next tasks to dispatch, for all dispatchers together: each is handed out once, and the
/// sweep hands out again what was not claimed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeFeed {
    /// 1 to 1,000.
    pub limit: u32,
    /// How long to wait for the first one; at most 60.
    pub wait_secs: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Feed {
    /// Events of kind `task_queued`, in order.
    pub events: Vec<Event>,
}

/// `POST /v1/fleet/sweep`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Who asks; only the one that holds the sweep's lease (10 s, renewed by asking) is served.
    pub dispatcher: String,
}

/// What a sweep put into the feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Swept {
    /// False when another dispatcher holds the lease; the counts are then zero.
    pub leader: bool,
    /// Queued tasks that nobody claimed for a while.
    pub unclaimed: u32,
    /// Running tasks whose lease ran out.
    pub expired: u32,
    /// Waiting tasks whose timer ran out.
    pub woken: u32,
    /// Tasks that failed: their deadline passed, or their worker was lost too often.
    pub failed: u32,
    /// Resources whose grace period has passed, and backups that have expired.
    pub due: u32,
}

/// `GET /v1/fleet/tasks/12`: all that a worker needs to carry a task out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Assignment {
    pub task: Task,
    /// The wish is in the form of its type; in a dry run it is the proposed one.
    #[schema(value_type = Resource<Object>)]
    pub resource: Resource<serde_json::Value>,
    pub project: Project,
    pub server: Server,
    /// Of a VM.
    pub image: Option<Image>,
    /// Resources whose state this one may have to wait for: a VM's router, a snapshot's VM.
    pub related: Vec<Related>,
    /// The VM that a snapshot, backup, volume or gpu belongs to, is attached to, or was until this task.
    #[serde(default)]
    pub vm: Option<Vm>,
    /// Of a VM that is made from a backup.
    #[serde(default)]
    pub backup: Option<Backup>,
    /// Of a router: the VMs of its project that are not closed.
    #[serde(default)]
    pub neighbours: Vec<Neighbour>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Related {
    pub id: ResourceId,
    #[serde(rename = "type")]
    pub resource_type: ResourceType,
    pub state: State,
    /// Of a snapshot, what it stands on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ResourceId>,
}

/// `POST /v1/fleet/tasks/12/claim`: compare-and-swap on the resource's version as it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    pub worker: String,
    pub version: Version,
    /// What was reported before the claim: the prerequisites.
    #[serde(default)]
    pub steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Claimed {
    pub fence: Fence,
    /// 1 for the first.
    pub attempt: u32,
    pub lease_secs: u32,
}

/// `POST /v1/fleet/tasks/12/renew` and `.../steps`: both renew the lease.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    pub fence: Fence,
    /// Steps that began, moved on or ended since the last report; (attempt, number, name) tells them apart.
    #[serde(default)]
    pub steps: Vec<Step>,
    #[serde(default)]
    pub steps_total: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Renewed {
    pub lease_secs: u32,
    /// Who asked that the attempt stops at its next step boundary.
    pub cancel_by: Option<String>,
}

/// `POST /v1/fleet/tasks/12/wait`: not now, and why. With a fence it ends the attempt; without, none had begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    pub fence: Option<Fence>,
    pub reason: String,
    /// Whose next stable state ends the wait.
    #[serde(default)]
    pub resource_id: Option<ResourceId>,
    /// The timer behind the event.
    pub retry_secs: u32,
    /// The fault after which it is tried again; it counts against the task's tries.
    #[serde(default)]
    pub fault: Option<ErrorRecord>,
    /// Whether the attempt has changed nothing on its host.
    #[serde(default)]
    pub untouched: bool,
    #[serde(default)]
    pub steps: Vec<Step>,
    #[serde(default)]
    pub steps_total: Option<u32>,
}

/// `POST /v1/fleet/tasks/12/release`: handed over at a step boundary; queued again at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    pub fence: Fence,
    /// Whether the attempt has changed nothing on its host.
    #[serde(default)]
    pub untouched: bool,
    #[serde(default)]
    pub steps: Vec<Step>,
    #[serde(default)]
    pub steps_total: Option<u32>,
}

/// `POST /v1/fleet/tasks/12/settle`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// None when no attempt had begun: the prerequisites refused, or it is a dry run.
    pub fence: Option<Fence>,
    /// Who settles without a fence.
    pub worker: String,
    pub outcome: Outcome,
    /// Kept with the resource's other facts; null takes one away.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub facts: Facts,
    #[serde(default)]
    pub steps: Vec<Step>,
    #[serde(default)]
    pub steps_total: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// The resource goes where the state table says.
    Succeeded,
    /// The resource becomes unresourced.
    Failed { error: ErrorRecord },
    /// As it was asked; the resource becomes unresourced, or as it was before when no attempt has changed anything.
    Cancelled {
        error: ErrorRecord,
        /// Whether this attempt has changed nothing on its host.
        #[serde(default)]
        untouched: bool,
    },
    /// The end of a dry run; the resource stays as it is.
    Planned { plan: Plan },
}

/// `POST /v1/fleet/errands/take`: at most one for each host, the oldest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeErrands {
    pub worker: String,
    pub hosts: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TakenErrands {
    pub items: Vec<Taken>,
}

/// `POST /v1/fleet/errands/12/renew`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewErrand {
    pub attempt: u32,
    /// How far it is.
    #[serde(default)]
    pub note: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RenewedErrand {
    pub lease_secs: u32,
}

/// `POST /v1/fleet/errands/12/settle`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettleErrand {
    pub attempt: u32,
    pub outcome: ErrandOutcome,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum ErrandOutcome {
    /// All that carries drover's mark on the host.
    Surveyed {
        found: Vec<Found>,
    },
    /// It was looked at, whatever was found.
    Verified {
        verified: Verified,
    },
    /// It is set aside, put back, or gone.
    Done,
    Failed {
        error: ErrorRecord,
    },
}
