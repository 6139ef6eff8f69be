//! How a resource on its host differs from its record, as a look at it has found.

use crate::Moment;
use crate::task::ErrorRecord;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Drift {
    /// The steps that would have something to do, if the resource were made as its record says.
    pub steps: Vec<String>,
    /// Why it could not be made so, or not even be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorRecord>,
    /// What the record would have to say, as a merge patch of the spec; none when no record says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub actual: Option<serde_json::Value>,
    /// When it was found first.
    #[schema(value_type = String, format = DateTime)]
    pub since: Moment,
    #[schema(value_type = String, format = DateTime)]
    pub checked_at: Moment,
}

/// What is done about a drift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriftPolicy {
    /// It is shown.
    #[default]
    Report,
    /// The resource is made as its record says; this may stop and start a guest.
    Repair,
    /// The record says what is, where a record can.
    Adopt,
}
