//! `/v1/projects`

use crate::auth::Caller;
use crate::body::{self, Body, Id, Paging, Params};
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use iaas::Problem;
use iaas::tenant::Page;
use model::ProjectId;
use model::project::{Project, ProjectSpec};
use serde_json::Value;
use store::Store;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Store> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(read, change, remove))
}

/// Create a project
#[utoipa::path(post, path = "/v1/projects", operation_id = "projects_create", tag = "projects", request_body = ProjectSpec,
    responses((status = 201, body = Project), (status = "default", body = Problem)))]
async fn create(State(store): State<Store>, Body(wish): Body<ProjectSpec>) -> Answer<Response> {
    let project = store.project_create(wish).await?;
    let headers =
        [(header::LOCATION, format!("/v1/projects/{}", project.id)), (header::ETAG, body::etag(project.version))];
    Ok((StatusCode::CREATED, headers, Json(project)).into_response())
}

/// List projects, a page at a time
#[utoipa::path(get, path = "/v1/projects", operation_id = "projects_list", tag = "projects",
    params(("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query)),
    responses((status = 200, body = Page<Project>), (status = "default", body = Problem)))]
async fn list(
    State(store): State<Store>,
    Caller(who): Caller,
    Params(paging): Params<Paging>,
) -> Answer<Json<Page<Project>>> {
    let page = store.project_list_as(&who, paging.cursor.as_deref(), paging.limit).await?;
    Ok(Json(page))
}

/// Read a project; the ETag is its version
#[utoipa::path(get, path = "/v1/projects/{id}", operation_id = "projects_read", tag = "projects", params(("id" = i64, Path)),
    responses((status = 200, body = Project), (status = "default", body = Problem)))]
async fn read(State(store): State<Store>, Caller(who): Caller, Id(id): Id<ProjectId>) -> Answer<Response> {
    let project = store.project_read_as(id, &who).await?;
    Ok(([(header::ETAG, body::etag(project.version))], Json(project)).into_response())
}

/// Change a project by a merge patch; `If-Match` is required
#[utoipa::path(patch, path = "/v1/projects/{id}", operation_id = "projects_change", tag = "projects", request_body = Object,
    params(("id" = i64, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = Project), (status = "default", body = Problem)))]
async fn change(
    State(store): State<Store>,
    Id(id): Id<ProjectId>,
    headers: HeaderMap,
    Body(patch): Body<Value>,
) -> Answer<Response> {
    let version = body::if_match(&headers, &format!("project {id}"))?;
    let project = store.project_change(id, version, &patch).await?;
    Ok(([(header::ETAG, body::etag(project.version))], Json(project)).into_response())
}

/// Remove a project that nothing uses
#[utoipa::path(delete, path = "/v1/projects/{id}", operation_id = "projects_remove", tag = "projects", params(("id" = i64, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
async fn remove(State(store): State<Store>, Id(id): Id<ProjectId>) -> Answer<StatusCode> {
    store.project_delete(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
