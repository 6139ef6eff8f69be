//! `/v1/tokens`

use crate::body::{Body, Id, Paging, Params};
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use iaas::Problem;
use iaas::tenant::{CreateToken, CreatedToken, Page, TokenInfo};
use store::Store;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Store> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(revoke))
}

/// Create a token; its secret is answered this once and kept as a hash
#[utoipa::path(post, path = "/v1/tokens", operation_id = "tokens_create", tag = "tokens", request_body = CreateToken,
    responses((status = 201, body = CreatedToken), (status = "default", body = Problem)))]
async fn create(State(store): State<Store>, Body(wish): Body<CreateToken>) -> Answer<Response> {
    let created = store.token_create(wish).await?;
    Ok((StatusCode::CREATED, Json(created)).into_response())
}

/// List tokens, without secrets
#[utoipa::path(get, path = "/v1/tokens", operation_id = "tokens_list", tag = "tokens",
    params(("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query)),
    responses((status = 200, body = Page<TokenInfo>), (status = "default", body = Problem)))]
async fn list(State(store): State<Store>, Params(paging): Params<Paging>) -> Answer<Json<Page<TokenInfo>>> {
    Ok(Json(store.token_list(paging.cursor.as_deref(), paging.limit).await?))
}

/// Revoke a token
#[utoipa::path(post, path = "/v1/tokens/{id}/revoke", operation_id = "tokens_revoke", tag = "tokens", params(("id" = i64, Path)),
    responses((status = 200, body = TokenInfo), (status = "default", body = Problem)))]
async fn revoke(State(store): State<Store>, Id(id): Id<i64>) -> Answer<Json<TokenInfo>> {
    Ok(Json(store.token_revoke(id).await?))
}
