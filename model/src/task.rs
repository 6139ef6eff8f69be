//! A task: one verb on one resource, from request to settled.

use crate::kinds::UnknownWord;
use crate::kinds::words;
use crate::{Fence, Kind, Moment, ProjectId, ResourceId, ServerId, State, TaskId, Verb};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

words! {
    TaskStatus {
        /// A worker may claim it.
        Queued = "queued",
        /// It waits for something, see `waiting_for`; an event or the timer behind it makes it queued again.
        Waiting = "waiting",
        /// An attempt holds its lease.
        Running = "running",
        Succeeded = "succeeded",
        Failed = "failed",
        Cancelled = "cancelled",
    }

    StepOutcome {
        Running = "running",
        Done = "done",
        /// It was already so.
        Skipped = "skipped",
        Failed = "failed",
    }
}

impl TaskStatus {
    pub const fn has_ended(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::Cancelled => true,
            Self::Queued | Self::Waiting | Self::Running => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Task {
    pub id: TaskId,
    pub resource_id: ResourceId,
    pub project_id: ProjectId,
    pub kind: Kind,
    pub verb: Verb,
    pub server_id: ServerId,
    pub host: String,
    pub status: TaskStatus,
    /// Attempts begun so far.
    pub attempts: u32,
    /// Attempts that ended with a fault after which it was tried again.
    pub faults: u32,
    /// Attempts whose lease ran out: their worker was lost.
    pub lost: u32,
    /// Of the newest attempt; zero before the first.
    pub fence: Fence,
    /// The worker of the newest attempt.
    pub worker: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub lease_until: Option<Moment>,
    pub waiting_for: Option<Waiting>,
    /// How many steps the newest attempt has, once it is known.
    pub steps_total: Option<u32>,
    /// In order, of all attempts.
    pub steps: Vec<Step>,
    pub error: Option<ErrorRecord>,
    /// A dry run looks, touches nothing, and ends with `plan`.
    #[serde(default)]
    pub dry_run: bool,
    pub plan: Option<Plan>,
    /// Who asked for the cancel, when one was asked.
    pub cancel_by: Option<String>,
    pub asked_by: String,
    /// The state in which the resource was when this was asked; none for a create.
    pub asked_from: Option<State>,
    /// W3C trace context of the request that made it.
    pub traceparent: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub requested_at: Moment,
    /// When the first attempt was claimed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Moment>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Moment>,
    /// When it fails if no attempt has been claimed by then.
    #[schema(value_type = String, format = DateTime)]
    pub deadline_at: Moment,
}

/// Why a task does not run now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    /// For people: `virtual_router 3 to be running, it is building`.
    pub reason: String,
    /// The resource whose next stable state wakes the task.
    #[serde(default)]
    pub resource_id: Option<ResourceId>,
    #[schema(value_type = String, format = DateTime)]
    pub since: Moment,
    /// The slow timer behind the event.
    #[schema(value_type = String, format = DateTime)]
    pub until: Moment,
}

/// What a change would take, as a dry run found it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// Locks of the whole attempt, in the order in which they would be taken.
    pub locks: Vec<String>,
    pub steps: Vec<PlannedStep>,
    /// What is on the host and not in the record, as a merge patch of the spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub actual: Option<serde_json::Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedStep {
    pub name: String,
    /// It is already so: nothing would be done.
    pub already_so: bool,
    /// What would be run on the host, arguments joined for reading.
    pub commands: Vec<String>,
    /// A lock for the length of this step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
}

/// One step of one attempt. `prerequisites` and `locks` are reported as steps too, with number 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    pub attempt: u32,
    pub number: u32,
    pub name: String,
    pub outcome: StepOutcome,
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Moment,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Moment>,
    /// Progress or explanation for people: `43 % of 350 MiB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A fault as it is kept and shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorRecord {
    /// `vm_kvm_build_2001`
    pub code: String,
    pub text: String,
    pub remedy: String,
    #[schema(value_type = String)]
    pub category: errors::Category,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_status: Option<i32>,
}

impl ErrorRecord {
    /// The record of a fault; `scope` is `<driver>_<verb>` for a driver's fault, none when its code is whole.
    pub fn of(fault: &errors::Fault, scope: Option<(Kind, Verb)>, host: Option<&str>) -> Self {
        Self::scoped(fault, scope.map(|(kind, verb)| format!("{kind}_{verb}")), host)
    }

    /// Of an errand's fault; `what` is the errand's word.
    pub fn of_errand(fault: &errors::Fault, what: &str, host: &str) -> Self {
        Self::scoped(fault, Some(format!("errand_{what}")), Some(host))
    }

    fn scoped(fault: &errors::Fault, scope: Option<String>, host: Option<&str>) -> Self {
        let code = match scope {
            Some(scope) if fault.entry.code.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("{scope}_{}", fault.entry.code)
            }
            _ => fault.entry.code.to_owned(),
        };
        Self {
            code,
            text: fault.chain(),
            remedy: fault.remedy(),
            category: fault.entry.category,
            step: fault.step.clone(),
            host: host.map(str::to_owned),
            command: fault.command.clone(),
            exit_status: fault.exit_status,
        }
    }
}
