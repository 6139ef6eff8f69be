//! RFC 9457 problem documents, and what a client makes of an answer that is none.

use model::State;
use model::task::ErrorRecord;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

/// `application/problem+json`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:drover:error:<code>`
    #[serde(rename = "type")]
    pub problem_type: String,
    pub title: String,
    pub status: u16,
    /// The catalogue's code.
    pub code: String,
    pub detail: String,
    /// What to do next.
    pub hint: String,
    pub trace_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_state: Option<State>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_states: Option<Vec<State>>,
    /// Why each server was refused, when placement found none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<PlacementCheck>,
}

/// The check that a server failed, with its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlacementCheck {
    pub server: String,
    /// `enabled`, `type`, `cores`, `ram_mb`, `gb`, `label <key>`, `worker`
    pub check: String,
    pub wanted: String,
    pub found: String,
}

impl Problem {
    pub fn of(fault: &errors::Fault, trace_id: Option<String>) -> Self {
        let category = fault.entry.category;
        Self {
            problem_type: format!("urn:drover:error:{}", fault.entry.code),
            title: category.title().to_owned(),
            status: category.policy().http_status,
            code: fault.entry.code.to_owned(),
            detail: fault.text(),
            hint: fault.remedy(),
            trace_id,
            current_state: None,
            allowed_states: None,
            checks: Vec::new(),
        }
    }
}

/// Why a call of the API gave no result.
#[derive(Debug, Error)]
pub enum Failure {
    /// The API answered with a problem.
    #[error("{} ({})", .0.detail, .0.code)]
    Problem(Box<Problem>),
    /// No answer: not running, or not reachable. `reason` holds no URL with credentials.
    #[error("the API at {url} does not answer: {reason}")]
    Unreachable { url: String, reason: String },
    /// An answer that is not what this version expects.
    #[error("the API's answer to {what} makes no sense: {reason}")]
    Nonsense { what: String, reason: String },
}

impl Failure {
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Problem(problem) => Some(&problem.code),
            Self::Unreachable { .. } | Self::Nonsense { .. } => None,
        }
    }

    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            Self::Unreachable { .. } | Self::Nonsense { .. } => None,
        }
    }

    /// Whether the same call may work a moment later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Problem(problem) => matches!(problem.status, 429 | 502 | 503 | 504),
            Self::Unreachable { .. } => true,
            Self::Nonsense { .. } => false,
        }
    }
}

/// Shown where an error record stands alone: its code and text.
pub fn line(error: &ErrorRecord) -> String {
    format!("{}: {}", error.code, error.text)
}
