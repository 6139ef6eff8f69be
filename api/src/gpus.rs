//! `DELETE /v1/gpus/{id}`: what no verb does, as nothing is on any host.

use crate::auth::Caller;
use crate::body::Id;
use crate::problem::Answer;
use axum::extract::State;
use axum::http::StatusCode;
use iaas::Problem;
use model::ResourceId;
use store::Store;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Store> {
    OpenApiRouter::new().routes(routes!(remove))
}

/// Close the record of a device that no VM has
#[utoipa::path(delete, path = "/v1/gpus/{id}", operation_id = "gpus_remove", tag = "gpus", params(("id" = i64, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
async fn remove(State(store): State<Store>, Caller(who): Caller, Id(id): Id<ResourceId>) -> Answer<StatusCode> {
    store.gpu_delete(id, &who).await?;
    Ok(StatusCode::NO_CONTENT)
}
