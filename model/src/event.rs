//! The feed: every change of the fleet, in the order of commits, read from a cursor.

use crate::kinds::UnknownWord;
use crate::kinds::words;
use crate::{EventSeq, Kind, Moment, ProjectId, ResourceId, State, TaskId, Verb};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

words! {
    EventKind {
        /// A resource came, or its state or wish changed.
        ResourceChanged = "resource_changed",
        /// A task is to be dispatched: new, woken, or given back by its attempt or by the sweep.
        TaskQueued = "task_queued",
        TaskWaiting = "task_waiting",
        TaskStarted = "task_started",
        TaskStep = "task_step",
        TaskEnded = "task_ended",
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    pub seq: EventSeq,
    #[schema(value_type = String, format = DateTime)]
    pub at: Moment,
    pub event: EventKind,
    pub project_id: ProjectId,
    pub resource_id: ResourceId,
    pub kind: Kind,
    /// Of the resource, after the change.
    pub state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verb: Option<Verb>,
    /// The host whose queue takes the task.
    pub host: String,
    /// For people: the step's name, the reason of a wait, the code of an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// W3C trace context of the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}
