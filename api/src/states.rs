//! `/v1/states`, `/v1/errors/{code}`: what the code knows of itself.

use crate::problem::Answer;
use axum::Json;
use axum::extract::Path;
use errors::Fault;
use iaas::Problem;
use model::states::{self, Table};
use serde::Serialize;
use store::Store;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Store> {
    OpenApiRouter::new().routes(routes!(table)).routes(routes!(explain))
}

/// The state table: states, verbs, and who may ask for what
#[utoipa::path(get, path = "/v1/states", operation_id = "states", tag = "reference", responses((status = 200, body = Table)))]
async fn table() -> Json<Table> {
    Json(states::table())
}

/// An entry of the error catalogue.
#[derive(Serialize, ToSchema)]
struct Explained {
    code: String,
    text: &'static str,
    cause: &'static str,
    remedy: &'static str,
    category: &'static str,
    http_status: u16,
}

/// What an error code means, why it happens, and what to do
#[utoipa::path(get, path = "/v1/errors/{code}", operation_id = "errors_explain", tag = "reference", params(("code" = String, Path)),
    responses((status = 200, body = Explained), (status = "default", body = Problem)))]
async fn explain(Path(code): Path<String>) -> Answer<Json<Explained>> {
    let entry = errors::find(&code).ok_or_else(|| Fault::new(&errors::operate::EXPLAIN_UNKNOWN).hole("code", &code))?;
    Ok(Json(Explained {
        code,
        text: entry.text,
        cause: entry.cause,
        remedy: entry.remedy,
        category: entry.category.title(),
        http_status: entry.category.policy().http_status,
    }))
}
