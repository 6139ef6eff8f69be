//! What happened to a resource: one record for each change of its state.

use crate::task::ErrorRecord;
use crate::{Moment, ResourceId, State, TaskId, Verb};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HistoryRecord {
    pub resource_id: ResourceId,
    #[schema(value_type = String, format = DateTime)]
    pub at: Moment,
    /// None for the creation.
    pub from: Option<State>,
    pub into: State,
    /// The name of the token that did it, or the worker.
    pub by: String,
    pub task_id: Option<TaskId>,
    pub verb: Option<Verb>,
    pub error: Option<ErrorRecord>,
}
