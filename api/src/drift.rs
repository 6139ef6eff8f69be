//! `/v1/drift`: resources that differ from their records, and what is done about it.

use crate::auth::Caller;
use crate::body::{Body, Id, Params};
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use iaas::Problem;
use iaas::tenant::{DriftAsk, DriftAsked, DriftFilter, Drifted, Page};
use model::ResourceId;
use store::Store;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Store> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(act))
}

/// List resources that differ from their records, a page at a time
#[utoipa::path(get, path = "/v1/drift", operation_id = "drift_list", tag = "drift",
    params(("project" = Option<i64>, Query), ("host" = Option<String>, Query), ("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query)),
    responses((status = 200, body = Page<Drifted>), (status = "default", body = Problem)))]
async fn list(
    State(store): State<Store>,
    Caller(who): Caller,
    Params(filter): Params<DriftFilter>,
) -> Answer<Json<Page<Drifted>>> {
    Ok(Json(store.drift_list(&filter, &who).await?))
}

/// Look at a resource again, repair it, or let its record say what is
#[utoipa::path(post, path = "/v1/drift/{id}", operation_id = "drift_act", tag = "drift", request_body = DriftAsk, params(("id" = i64, Path)),
    responses((status = 202, body = DriftAsked), (status = "default", body = Problem)))]
async fn act(
    State(store): State<Store>,
    Caller(who): Caller,
    Id(id): Id<ResourceId>,
    Body(ask): Body<DriftAsk>,
) -> Answer<(StatusCode, Json<DriftAsked>)> {
    let task_id = store.drift_act(id, ask.policy, &who).await?;
    Ok((StatusCode::ACCEPTED, Json(DriftAsked { task_id })))
}
