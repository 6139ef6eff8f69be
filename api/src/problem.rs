//! Every refusal as a problem document (RFC 9457).

use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use errors::{Category, Fault};
use iaas::Problem;
use service::traces;
use std::any::Any;
use store::Refusal;
use tracing::{error, warn};

/// What a route answers when it refuses.
#[derive(Debug)]
pub struct Refused(Box<Refusal>);

pub type Answer<T> = Result<T, Refused>;

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(Box::new(refusal))
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self(Box::new(fault.into()))
    }
}

/// How long a client should wait before it asks again.
const RETRY_SECS: &str = "1";

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Refusal { fault, current_state, allowed_states, checks } = *self.0;
        let category = fault.entry.category;
        match category {
            Category::Internal => error!(code = fault.entry.code, reason = fault.chain(), "refused"),
            Category::Unavailable => warn!(code = fault.entry.code, reason = fault.chain(), "refused"),
            _ => {}
        }
        let mut problem = Problem::of(&fault, traces::trace_id());
        problem.current_state = current_state;
        problem.allowed_states = allowed_states;
        problem.checks = checks;
        let mut response = document(&problem, problem.status);
        if category == Category::Unauthenticated {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if category == Category::Unavailable {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_SECS));
        }
        response
    }
}

fn document(problem: &Problem, status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(problem).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
}

pub fn refused(fault: Fault) -> Response {
    Refused::from(fault).into_response()
}

pub fn method_not_allowed(uri: &Uri) -> Response {
    let fault = Fault::new(&errors::iaas::NO_SUCH_ROUTE).hole("path", format!("{} with this method", uri.path()));
    document(&Problem { status: 405, ..Problem::of(&fault, traces::trace_id()) }, 405)
}

/// The panic's own words are for the log only.
pub fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text =
        panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
    error!(panic = text.unwrap_or_default(), "a route panicked");
    refused(Fault::new(&errors::iaas::UNEXPECTED).hole("reason", "it met a defect"))
}
