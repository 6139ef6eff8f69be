//! `/v1/vms`

use crate::auth::Caller;
use crate::body::{Body, DryRun, Id, Params};
use crate::problem::Answer;
use crate::resource::{self, Request};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use iaas::Problem;
use iaas::tenant::{Accepted, AskState, Change, Create, Page, ResourceFilter};
use model::ResourceId;
use model::history::HistoryRecord;
use model::resource::Resource;
use model::vm::VmSpec;
use store::Store;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Store> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(read, change))
        .routes(routes!(ask))
        .routes(routes!(history))
}

/// Build a VM; `Idempotency-Key` makes a repeated request answer as the first did
#[utoipa::path(post, path = "/v1/vms", operation_id = "vms_create", tag = "vms", request_body = Create<VmSpec>,
    params(("dry_run" = Option<bool>, Query, description = "only say where it would stand")),
    responses((status = 202, body = Accepted<VmSpec>), (status = "default", body = Problem)))]
async fn create(
    State(store): State<Store>,
    caller: Caller,
    Params(dry): Params<DryRun>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Response> {
    resource::create::<VmSpec>(store, caller, dry, Request { headers, method, uri, body }).await
}

/// List VMs, filtered, a page at a time
#[utoipa::path(get, path = "/v1/vms", operation_id = "vms_list", tag = "vms",
    params(("project" = Option<i64>, Query), ("state" = Option<String>, Query), ("host" = Option<String>, Query), ("name" = Option<String>, Query),
        ("closed" = Option<bool>, Query), ("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query)),
    responses((status = 200, body = Page<Resource<VmSpec>>), (status = "default", body = Problem)))]
async fn list(
    store: State<Store>,
    caller: Caller,
    filter: Params<ResourceFilter>,
) -> Answer<Json<Page<Resource<VmSpec>>>> {
    resource::list(store, caller, filter).await
}

/// Read a VM; the ETag is its version
#[utoipa::path(get, path = "/v1/vms/{id}", operation_id = "vms_read", tag = "vms", params(("id" = i64, Path)),
    responses((status = 200, body = Resource<VmSpec>), (status = "default", body = Problem)))]
async fn read(store: State<Store>, caller: Caller, id: Id<ResourceId>) -> Answer<Response> {
    resource::read::<VmSpec>(store, caller, id).await
}

/// Change the wish of a VM by a merge patch; `If-Match` is required
#[utoipa::path(patch, path = "/v1/vms/{id}", operation_id = "vms_change", tag = "vms", request_body = Change,
    params(("id" = i64, Path), ("If-Match" = String, Header), ("dry_run" = Option<bool>, Query, description = "plan only, as a task")),
    responses((status = 202, body = Accepted<VmSpec>), (status = "default", body = Problem)))]
async fn change(
    State(store): State<Store>,
    caller: Caller,
    Id(id): Id<ResourceId>,
    Params(dry): Params<DryRun>,
    headers: HeaderMap,
    Body(change): Body<Change>,
) -> Answer<Response> {
    resource::change::<VmSpec>(store, caller, id, dry, &headers, change).await
}

/// Ask for a state of a VM; a refusal names the current state and the allowed ones
#[utoipa::path(post, path = "/v1/vms/{id}/state", operation_id = "vms_ask", tag = "vms", request_body = AskState,
    params(("id" = i64, Path), ("dry_run" = Option<bool>, Query, description = "plan only, as a task")),
    responses((status = 202, body = Accepted<VmSpec>), (status = "default", body = Problem)))]
async fn ask(
    store: State<Store>,
    caller: Caller,
    id: Id<ResourceId>,
    dry: Params<DryRun>,
    body: Body<AskState>,
) -> Answer<Response> {
    resource::ask::<VmSpec>(store, caller, id, dry, body).await
}

/// What happened to a VM
#[utoipa::path(get, path = "/v1/vms/{id}/history", operation_id = "vms_history", tag = "vms", params(("id" = i64, Path)),
    responses((status = 200, body = Page<HistoryRecord>), (status = "default", body = Problem)))]
async fn history(store: State<Store>, caller: Caller, id: Id<ResourceId>) -> Answer<Json<Page<HistoryRecord>>> {
    resource::history::<VmSpec>(store, caller, id).await
}
