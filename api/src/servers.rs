//! `/v1/servers`

use crate::body::{self, Body, Id, Paging, Params};
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use iaas::Problem;
use iaas::tenant::Page;
use model::ServerId;
use model::server::{Server, ServerSpec};
use serde_json::Value;
use store::Store;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Store> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(read, change, remove))
}

/// Create a server
#[utoipa::path(post, path = "/v1/servers", operation_id = "servers_create", tag = "servers", request_body = ServerSpec,
    responses((status = 201, body = Server), (status = "default", body = Problem)))]
async fn create(State(store): State<Store>, Body(wish): Body<ServerSpec>) -> Answer<Response> {
    let server = store.server_create(wish).await?;
    let headers =
        [(header::LOCATION, format!("/v1/servers/{}", server.id)), (header::ETAG, body::etag(server.version))];
    Ok((StatusCode::CREATED, headers, Json(server)).into_response())
}

/// List servers, a page at a time
#[utoipa::path(get, path = "/v1/servers", operation_id = "servers_list", tag = "servers",
    params(("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query)),
    responses((status = 200, body = Page<Server>), (status = "default", body = Problem)))]
async fn list(State(store): State<Store>, Params(paging): Params<Paging>) -> Answer<Json<Page<Server>>> {
    let page = store.server_list(paging.cursor.as_deref(), paging.limit).await?;
    Ok(Json(page))
}

/// Read a server; the ETag is its version
#[utoipa::path(get, path = "/v1/servers/{id}", operation_id = "servers_read", tag = "servers", params(("id" = i64, Path)),
    responses((status = 200, body = Server), (status = "default", body = Problem)))]
async fn read(State(store): State<Store>, Id(id): Id<ServerId>) -> Answer<Response> {
    let server = store.server_read(id).await?;
    Ok(([(header::ETAG, body::etag(server.version))], Json(server)).into_response())
}

/// Change a server by a merge patch; `If-Match` is required
#[utoipa::path(patch, path = "/v1/servers/{id}", operation_id = "servers_change", tag = "servers", request_body = Object,
    params(("id" = i64, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = Server), (status = "default", body = Problem)))]
async fn change(
    State(store): State<Store>,
    Id(id): Id<ServerId>,
    headers: HeaderMap,
    Body(patch): Body<Value>,
) -> Answer<Response> {
    let version = body::if_match(&headers, &format!("server {id}"))?;
    let server = store.server_change(id, version, &patch).await?;
    Ok(([(header::ETAG, body::etag(server.version))], Json(server)).into_response())
}

/// Remove a server that nothing uses
#[utoipa::path(delete, path = "/v1/servers/{id}", operation_id = "servers_remove", tag = "servers", params(("id" = i64, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
async fn remove(State(store): State<Store>, Id(id): Id<ServerId>) -> Answer<StatusCode> {
    store.server_delete(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
