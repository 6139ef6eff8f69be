//! Faults as RFC 9457 problem documents, there and back.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use errors::Fault;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `application/problem+json`
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Problem {
    /// `urn:drover:error:<code>`
    #[serde(rename = "type")]
    problem_type: String,
    title: String,
    status: u16,
    code: String,
    detail: String,
    /// What to do next.
    hint: String,
    /// What stands in the holes of the catalogue's text, so that a client can raise the same fault.
    #[serde(default)]
    holes: BTreeMap<String, String>,
}

/// A hole's name must outlive every fault: these are the ones that the catalogue of locks has.
const HOLES: [&str; 7] = ["lock", "wait_secs", "holder", "fence", "left_secs", "reason", "role"];

impl Problem {
    fn of(fault: &Fault) -> Self {
        let category = fault.entry.category;
        Self {
            problem_type: format!("urn:drover:error:{}", fault.entry.code),
            title: category.title().to_owned(),
            status: category.policy().http_status,
            code: fault.entry.code.to_owned(),
            detail: fault.text(),
            hint: fault.remedy(),
            holes: fault.holes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        }
    }

    /// The fault that the service answered with; none when this catalogue does not know its code.
    pub fn fault(&self) -> Option<Fault> {
        let fault = Fault::new(errors::find(&self.code)?);
        let known = HOLES.iter().filter_map(|name| Some((*name, self.holes.get(*name)?)));
        Some(known.fold(fault, |fault, (name, value)| fault.hole(name, value)))
    }
}

/// A fault on its way out.
pub(crate) struct Refusal(pub Fault);

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problem = Problem::of(&self.0);
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        (status, [(CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}
