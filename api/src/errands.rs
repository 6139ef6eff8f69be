//! `/v1/errands`, `/v1/orphans`

use crate::auth::Caller;
use crate::body::{Body, Id, Params};
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use iaas::Problem;
use iaas::tenant::{AskErrand, ErrandFilter, OrphanFilter, Page};
use model::errand::{Errand, Orphan};
use model::{ErrandId, OrphanId};
use serde::Deserialize;
use std::time::Duration;
use store::Store;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The longest wait for an errand's end.
const LONGEST_WAIT_SECS: u64 = 60;

pub fn routes() -> OpenApiRouter<Store> {
    OpenApiRouter::new()
        .routes(routes!(ask, list))
        .routes(routes!(read))
        .routes(routes!(orphans))
        .routes(routes!(orphan))
}

/// Ask for an errand: a survey of a host, or something that is done about an orphan
#[utoipa::path(post, path = "/v1/errands", operation_id = "errands_ask", tag = "errands", request_body = AskErrand,
    responses((status = 202, body = Errand), (status = "default", body = Problem)))]
async fn ask(State(store): State<Store>, Caller(who): Caller, Body(ask): Body<AskErrand>) -> Answer<Response> {
    let errand = store.errand_ask(ask, &who).await?;
    let location = [(header::LOCATION, format!("/v1/errands/{}", errand.id))];
    Ok((StatusCode::ACCEPTED, location, Json(errand)).into_response())
}

/// List errands, filtered, a page at a time
#[utoipa::path(get, path = "/v1/errands", operation_id = "errands_list", tag = "errands",
    params(("host" = Option<String>, Query), ("what" = Option<String>, Query), ("status" = Option<String>, Query),
        ("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query)),
    responses((status = 200, body = Page<Errand>), (status = "default", body = Problem)))]
async fn list(State(store): State<Store>, Params(filter): Params<ErrandFilter>) -> Answer<Json<Page<Errand>>> {
    Ok(Json(store.errand_list(&filter).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wait {
    /// Seconds.
    wait: Option<u64>,
}

/// Read an errand; with `wait`, answers when it has ended
#[utoipa::path(get, path = "/v1/errands/{id}", operation_id = "errands_read", tag = "errands",
    params(("id" = i64, Path), ("wait" = Option<u64>, Query, description = "seconds, at most 60")),
    responses((status = 200, body = Errand), (status = "default", body = Problem)))]
async fn read(State(store): State<Store>, Id(id): Id<ErrandId>, Params(wait): Params<Wait>) -> Answer<Json<Errand>> {
    let limit = Duration::from_secs(wait.wait.unwrap_or(0).min(LONGEST_WAIT_SECS));
    Ok(Json(store.errand_settled(id, limit).await?))
}

/// List what is on hosts without a record, a page at a time
#[utoipa::path(get, path = "/v1/orphans", operation_id = "orphans_list", tag = "errands",
    params(("host" = Option<String>, Query), ("sort" = Option<String>, Query),
        ("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query)),
    responses((status = 200, body = Page<Orphan>), (status = "default", body = Problem)))]
async fn orphans(State(store): State<Store>, Params(filter): Params<OrphanFilter>) -> Answer<Json<Page<Orphan>>> {
    Ok(Json(store.orphan_list(&filter).await?))
}

/// Read an orphan
#[utoipa::path(get, path = "/v1/orphans/{id}", operation_id = "orphans_read", tag = "errands", params(("id" = i64, Path)),
    responses((status = 200, body = Orphan), (status = "default", body = Problem)))]
async fn orphan(State(store): State<Store>, Id(id): Id<OrphanId>) -> Answer<Json<Orphan>> {
    Ok(Json(store.orphan_read(id).await?))
}
