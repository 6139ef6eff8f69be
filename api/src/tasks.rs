//! `/v1/tasks`

use crate::auth::Caller;
use crate::body::{Id, Params};
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use iaas::Problem;
use iaas::tenant::{Page, TaskFilter};
use model::TaskId;
use model::task::Task;
use model::trace::traceparent;
use serde::Deserialize;
use std::time::Duration;
use store::Store;
use tracing::Span;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The longest wait for a task's end.
const LONGEST_WAIT_SECS: u64 = 60;

pub fn routes() -> OpenApiRouter<Store> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read)).routes(routes!(cancel)).routes(routes!(retry))
}

/// List tasks, filtered, a page at a time
#[utoipa::path(get, path = "/v1/tasks", operation_id = "tasks_list", tag = "tasks",
    params(("project" = Option<i64>, Query), ("resource" = Option<i64>, Query), ("status" = Option<String>, Query), ("host" = Option<String>, Query),
        ("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query)),
    responses((status = 200, body = Page<Task>), (status = "default", body = Problem)))]
async fn list(
    State(store): State<Store>,
    Caller(who): Caller,
    Params(filter): Params<TaskFilter>,
) -> Answer<Json<Page<Task>>> {
    Ok(Json(store.task_list(&filter, &who).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wait {
    /// Seconds.
    wait: Option<u64>,
}

/// Read a task: its steps, why it waits, how it ended; with `wait`, answers when it has ended
#[utoipa::path(get, path = "/v1/tasks/{id}", operation_id = "tasks_read", tag = "tasks",
    params(("id" = i64, Path), ("wait" = Option<u64>, Query, description = "seconds, at most 60; `Prefer: wait=N` does the same")),
    responses((status = 200, body = Task), (status = "default", body = Problem)))]
async fn read(
    State(store): State<Store>,
    Caller(who): Caller,
    Id(id): Id<TaskId>,
    Params(wait): Params<Wait>,
    headers: HeaderMap,
) -> Answer<Json<Task>> {
    let preferred = headers
        .get("prefer")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().strip_prefix("wait=")?.parse().ok());
    let secs = wait.wait.or(preferred).unwrap_or(0).min(LONGEST_WAIT_SECS);
    let task = match secs {
        0 => store.task_read(id, &who).await?,
        secs => store.task_settled(id, &who, Duration::from_secs(secs)).await?,
    };
    Ok(Json(task))
}

/// Cancel a task: at once when it has not begun, else at its next step boundary
#[utoipa::path(post, path = "/v1/tasks/{id}/cancel", operation_id = "tasks_cancel", tag = "tasks", params(("id" = i64, Path)),
    responses((status = 202, body = Task), (status = "default", body = Problem)))]
async fn cancel(State(store): State<Store>, Caller(who): Caller, Id(id): Id<TaskId>) -> Answer<Response> {
    let task = store.task_cancel(id, &who).await?;
    Ok((StatusCode::ACCEPTED, Json(task)).into_response())
}

/// Try the verb that failed again, as a new task
#[utoipa::path(post, path = "/v1/tasks/{id}/retry", operation_id = "tasks_retry", tag = "tasks", params(("id" = i64, Path)),
    responses((status = 202, body = Task), (status = "default", body = Problem)))]
async fn retry(State(store): State<Store>, Caller(who): Caller, Id(id): Id<TaskId>) -> Answer<Response> {
    let task = store.task_retry(id, &who, traceparent(&Span::current())).await?;
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, format!("/v1/tasks/{}", task.id))], Json(task)).into_response())
}
