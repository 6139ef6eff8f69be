//! Telling people that a task failed: a program of the operator's, a mailer say, gets it as JSON on its stdin.

use hosts::local::Local;
use hosts::{Host, Invocation};
use model::task::ErrorRecord;
use model::{Kind, ResourceId, TaskId, Verb};
use serde::Serialize;
use std::time::Duration;
use tracing::{Instrument, info_span, warn};

/// A mailer that hangs must not keep an attempt's place.
const LIMIT: Duration = Duration::from_secs(30);

/// What it is told.
#[derive(Serialize)]
pub(crate) struct Failure<'a> {
    pub task: TaskId,
    pub resource: ResourceId,
    pub kind: Kind,
    pub verb: Verb,
    pub host: &'a str,
    pub worker: &'a str,
    pub error: &'a ErrorRecord,
}

/// Nobody when there is no program. What the program does is not the task's business: it is settled already.
pub(crate) async fn tell(program: &[String], failure: &Failure<'_>) {
    if program.is_empty() {
        return;
    }
    let text = match serde_json::to_vec(failure) {
        Ok(text) => text,
        Err(error) => return warn!(%error, "the failure cannot be told"),
    };
    let command = Invocation::acts(program).stdin(text).deadline(LIMIT);
    let told = async { Local::new("worker").run(&command).await };
    if let Err(error) = told.instrument(info_span!("notify")).await {
        warn!(%error, "nobody was told of the failure");
    }
}
