//! `/v1/images`

use crate::auth::Caller;
use crate::body::{self, Body, Id, Paging, Params};
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use iaas::Problem;
use iaas::tenant::Page;
use model::ImageId;
use model::image::{Image, ImageSpec};
use serde_json::Value;
use store::Store;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Store> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(read, change, remove))
}

/// Create an image
#[utoipa::path(post, path = "/v1/images", operation_id = "images_create", tag = "images", request_body = ImageSpec,
    responses((status = 201, body = Image), (status = "default", body = Problem)))]
async fn create(State(store): State<Store>, Body(wish): Body<ImageSpec>) -> Answer<Response> {
    let image = store.image_create(wish).await?;
    let headers = [(header::LOCATION, format!("/v1/images/{}", image.id)), (header::ETAG, body::etag(image.version))];
    Ok((StatusCode::CREATED, headers, Json(image)).into_response())
}

/// List images, a page at a time
#[utoipa::path(get, path = "/v1/images", operation_id = "images_list", tag = "images",
    params(("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query)),
    responses((status = 200, body = Page<Image>), (status = "default", body = Problem)))]
async fn list(
    State(store): State<Store>,
    Caller(who): Caller,
    Params(paging): Params<Paging>,
) -> Answer<Json<Page<Image>>> {
    let mut page = store.image_list(paging.cursor.as_deref(), paging.limit).await?;
    page.items.iter_mut().for_each(|image| redact(image, &who));
    Ok(Json(page))
}

/// Read an image; the ETag is its version
#[utoipa::path(get, path = "/v1/images/{id}", operation_id = "images_read", tag = "images", params(("id" = i64, Path)),
    responses((status = 200, body = Image), (status = "default", body = Problem)))]
async fn read(State(store): State<Store>, Caller(who): Caller, Id(id): Id<ImageId>) -> Answer<Response> {
    let mut image = store.image_read(id).await?;
    redact(&mut image, &who);
    Ok(([(header::ETAG, body::etag(image.version))], Json(image)).into_response())
}

/// Change an image by a merge patch; `If-Match` is required
#[utoipa::path(patch, path = "/v1/images/{id}", operation_id = "images_change", tag = "images", request_body = Object,
    params(("id" = i64, Path), ("If-Match" = String, Header)),
    responses((status = 200, body = Image), (status = "default", body = Problem)))]
async fn change(
    State(store): State<Store>,
    Id(id): Id<ImageId>,
    headers: HeaderMap,
    Body(patch): Body<Value>,
) -> Answer<Response> {
    let version = body::if_match(&headers, &format!("image {id}"))?;
    let image = store.image_change(id, version, &patch).await?;
    Ok(([(header::ETAG, body::etag(image.version))], Json(image)).into_response())
}

/// Remove an image that nothing uses
#[utoipa::path(delete, path = "/v1/images/{id}", operation_id = "images_remove", tag = "images", params(("id" = i64, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
async fn remove(State(store): State<Store>, Id(id): Id<ImageId>) -> Answer<StatusCode> {
    store.image_delete(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A source may hold a credential: tenants do not see it.
fn redact(image: &mut Image, who: &store::Who) {
    if who.role == iaas::tenant::Role::Tenant {
        image.spec.source = String::new();
    }
}
