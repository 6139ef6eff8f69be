//! Why an operation was refused.

use errors::{Fault, iaas as codes, operate};
use iaas::problem::PlacementCheck;
use model::{Kind, State, states};
use std::fmt::{self, Display};

pub type Answer<T> = Result<T, Refusal>;

/// A fault of the catalogue, with what an answer says besides its text.
#[derive(Debug)]
pub struct Refusal {
    pub fault: Box<Fault>,
    pub current_state: Option<State>,
    pub allowed_states: Option<Vec<State>>,
    /// Why each server was refused.
    pub checks: Vec<PlacementCheck>,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { fault: Box::new(fault), current_state: None, allowed_states: None, checks: Vec::new() }
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl std::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.fault.source()
    }
}

/// The answer tells what kind of trouble it is; statement and address stay in the log.
impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        let reason = match &error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => {
                "the connection was lost".to_owned()
            }
            sqlx::Error::PoolTimedOut => "no connection was free in time".to_owned(),
            sqlx::Error::PoolClosed => "it is being closed".to_owned(),
            sqlx::Error::Configuration(_) => "its address is not valid".to_owned(),
            sqlx::Error::Database(told) => match told.code() {
                Some(code) => format!("it refused a statement with code {code}"),
                None => "it refused a statement".to_owned(),
            },
            _ => "its answer made no sense".to_owned(),
        };
        tracing::error!(error = %error, "the database did not answer as it should");
        Self::outage(reason)
    }
}

impl Refusal {
    pub(crate) fn outage(reason: impl Display) -> Self {
        Fault::new(&operate::STORE_UNAVAILABLE).hole("reason", reason).into()
    }

    pub(crate) fn is_outage(&self) -> bool {
        self.fault.entry.code == operate::STORE_UNAVAILABLE.code
    }

    pub(crate) fn unexpected(reason: impl Display) -> Self {
        Fault::new(&codes::UNEXPECTED).hole("reason", reason).into()
    }

    pub(crate) fn not_found(what: impl Display, id: impl Display) -> Self {
        Fault::new(&codes::NOT_FOUND).hole("what", what).hole("id", id).into()
    }

    pub(crate) fn not_yours(what: impl Display, id: impl Display) -> Self {
        Fault::new(&codes::NOT_YOURS).hole("what", what).hole("id", id).into()
    }

    pub(crate) fn spec(reason: impl Display) -> Self {
        Fault::new(&codes::SPEC_INVALID).hole("reason", reason).into()
    }

    pub(crate) fn query(reason: impl Display) -> Self {
        Fault::new(&codes::QUERY_INVALID).hole("reason", reason).into()
    }

    pub(crate) fn in_use(what: impl Display, id: impl Display, users: impl Display) -> Self {
        Fault::new(&codes::IN_USE).hole("what", what).hole("id", id).hole("users", users).into()
    }

    pub(crate) fn etag(resource: impl Display, current: impl Display, asked: impl Display) -> Self {
        let fault = Fault::new(&codes::ETAG_MISMATCH);
        fault.hole("resource", resource).hole("current", current).hole("asked", asked).into()
    }

    pub(crate) fn claim(task: impl Display, status: impl Display) -> Self {
        Fault::new(&codes::CLAIM_REFUSED).hole("task", task).hole("status", status).into()
    }

    pub(crate) fn fence(task: impl Display, fence: impl Display) -> Self {
        Fault::new(&codes::FENCE_REFUSED).hole("task", task).hole("fence", fence).into()
    }

    pub(crate) fn state(resource: impl Display, current: State, allowed: Vec<State>, asked: impl Display) -> Self {
        let words: Vec<_> = allowed.iter().map(|state| state.word()).collect();
        let list = if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
        let fault = Fault::new(&codes::STATE_NOT_ALLOWED);
        let fault =
            fault.hole("resource", resource).hole("current", current).hole("allowed", list).hole("asked", asked);
        Self { current_state: Some(current), allowed_states: Some(allowed), ..fault.into() }
    }
}

/// What may be asked for from here: the tenant's asks, and from unresourced also the retry of the verb that failed.
pub(crate) fn allowed(kind: Kind, from: State, failed: Option<model::Verb>) -> Vec<State> {
    let mut states = states::asks(kind, from);
    if from == State::Unresourced
        && let Some(retry) = failed.and_then(|verb| states::retry_into(kind, verb))
        && !states.contains(&retry)
    {
        states.insert(0, retry);
    }
    states
}
