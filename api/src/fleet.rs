//! `/v1/fleet`: the side that dispatchers and workers see.

use crate::auth::Caller;
use crate::body::{Body, Id, Params};
use crate::problem::Answer;
use axum::Json;
use axum::extract::{DefaultBodyLimit, Path, State};
use iaas::Problem;
use iaas::fleet::{
    Assignment, Claim, Claimed, Feed, Progress, Release, RenewErrand, Renewed, RenewedErrand, Settle, SettleErrand,
    Sweep, Swept, TakeErrands, TakeFeed, TakenErrands, Wait,
};
use iaas::tenant::Page;
use model::server::{Server, WorkerReport};
use model::{ErrandId, TaskId};
use serde::Deserialize;
use std::time::Duration;
use store::Store;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LARGEST_FEED: u32 = 1000;
/// What is found on a host with ten thousand things is two megabytes.
const LARGEST_SURVEY: usize = 32 << 20;
const LONGEST_WAIT_SECS: u32 = 60;

pub fn routes() -> OpenApiRouter<Store> {
    OpenApiRouter::new()
        .routes(routes!(feed))
        .routes(routes!(sweep))
        .routes(routes!(assignment))
        .routes(routes!(claim))
        .routes(routes!(steps))
        .routes(routes!(wait))
        .routes(routes!(release))
        .routes(routes!(settle))
        .routes(routes!(servers))
        .routes(routes!(report))
        .routes(routes!(take_errands))
        .routes(routes!(renew_errand))
        .merge(OpenApiRouter::new().routes(routes!(settle_errand)).layer(DefaultBodyLimit::max(LARGEST_SURVEY)))
}

/// Take the next tasks to dispatch; each is handed out once
#[utoipa::path(post, path = "/v1/fleet/feed", operation_id = "fleet_feed", tag = "fleet", request_body = TakeFeed,
    responses((status = 200, body = Feed), (status = "default", body = Problem)))]
async fn feed(State(store): State<Store>, Body(take): Body<TakeFeed>) -> Answer<Json<Feed>> {
    let wait = Duration::from_secs(take.wait_secs.min(LONGEST_WAIT_SECS).into());
    let events = store.feed_wait(take.limit.clamp(1, LARGEST_FEED), wait).await?;
    Ok(Json(Feed { events }))
}

/// Put back into the feed what was forgotten
#[utoipa::path(post, path = "/v1/fleet/sweep", operation_id = "fleet_sweep", tag = "fleet", request_body = Sweep,
    responses((status = 200, body = Swept), (status = "default", body = Problem)))]
async fn sweep(State(store): State<Store>, Body(sweep): Body<Sweep>) -> Answer<Json<Swept>> {
    Ok(Json(store.sweep(&sweep.dispatcher).await?))
}

/// Read all that a worker needs for a task
#[utoipa::path(get, path = "/v1/fleet/tasks/{id}", operation_id = "fleet_assignment", tag = "fleet", params(("id" = i64, Path)),
    responses((status = 200, body = Assignment), (status = "default", body = Problem)))]
async fn assignment(State(store): State<Store>, Caller(who): Caller, Id(id): Id<TaskId>) -> Answer<Json<Assignment>> {
    Ok(Json(store.assignment(id, &who).await?))
}

/// Claim a task: a lease, and a fence for every write of the attempt
#[utoipa::path(post, path = "/v1/fleet/tasks/{id}/claim", operation_id = "fleet_claim", tag = "fleet", params(("id" = i64, Path)), request_body = Claim,
    responses((status = 200, body = Claimed), (status = "default", body = Problem)))]
async fn claim(
    State(store): State<Store>,
    Caller(who): Caller,
    Id(id): Id<TaskId>,
    Body(claim): Body<Claim>,
) -> Answer<Json<Claimed>> {
    Ok(Json(store.task_claim(id, claim, &who).await?))
}

/// Renew the lease, and report steps
#[utoipa::path(post, path = "/v1/fleet/tasks/{id}/steps", operation_id = "fleet_steps", tag = "fleet", params(("id" = i64, Path)), request_body = Progress,
    responses((status = 200, body = Renewed), (status = "default", body = Problem)))]
async fn steps(
    State(store): State<Store>,
    Caller(who): Caller,
    Id(id): Id<TaskId>,
    Body(progress): Body<Progress>,
) -> Answer<Json<Renewed>> {
    Ok(Json(store.task_progress(id, progress, &who).await?))
}

/// Put a task back until an event or a timer
#[utoipa::path(post, path = "/v1/fleet/tasks/{id}/wait", operation_id = "fleet_wait", tag = "fleet", params(("id" = i64, Path)), request_body = Wait,
    responses((status = 200), (status = "default", body = Problem)))]
async fn wait(
    State(store): State<Store>,
    Caller(who): Caller,
    Id(id): Id<TaskId>,
    Body(wait): Body<Wait>,
) -> Answer<()> {
    Ok(store.task_wait(id, wait, &who).await?)
}

/// Hand a task over to another worker
#[utoipa::path(post, path = "/v1/fleet/tasks/{id}/release", operation_id = "fleet_release", tag = "fleet", params(("id" = i64, Path)), request_body = Release,
    responses((status = 200), (status = "default", body = Problem)))]
async fn release(
    State(store): State<Store>,
    Caller(who): Caller,
    Id(id): Id<TaskId>,
    Body(release): Body<Release>,
) -> Answer<()> {
    Ok(store.task_release(id, release, &who).await?)
}

/// Settle a task: the resource goes where the state table says, or becomes unresourced
#[utoipa::path(post, path = "/v1/fleet/tasks/{id}/settle", operation_id = "fleet_settle", tag = "fleet", params(("id" = i64, Path)), request_body = Settle,
    responses((status = 200), (status = "default", body = Problem)))]
async fn settle(
    State(store): State<Store>,
    Caller(who): Caller,
    Id(id): Id<TaskId>,
    Body(settle): Body<Settle>,
) -> Answer<()> {
    Ok(store.task_settle(id, settle, &who).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// The server records that a worker's token covers
#[utoipa::path(get, path = "/v1/fleet/servers", operation_id = "fleet_servers", tag = "fleet",
    responses((status = 200, body = Page<Server>), (status = "default", body = Problem)))]
async fn servers(
    State(store): State<Store>,
    Caller(who): Caller,
    Params(Nothing {}): Params<Nothing>,
) -> Answer<Json<Page<Server>>> {
    Ok(Json(Page { items: store.worker_servers(&who).await?, next: None }))
}

/// A worker's heartbeat for one of its hosts
#[utoipa::path(post, path = "/v1/fleet/servers/{host}/report", operation_id = "fleet_report", tag = "fleet", params(("host" = String, Path)), request_body = WorkerReport,
    responses((status = 200, body = Server), (status = "default", body = Problem)))]
async fn report(
    State(store): State<Store>,
    Caller(who): Caller,
    Path(host): Path<String>,
    Body(report): Body<WorkerReport>,
) -> Answer<Json<Server>> {
    Ok(Json(store.worker_report(&host, report, &who).await?))
}

/// Take the oldest errand of each host
#[utoipa::path(post, path = "/v1/fleet/errands/take", operation_id = "fleet_errands", tag = "fleet", request_body = TakeErrands,
    responses((status = 200, body = TakenErrands), (status = "default", body = Problem)))]
async fn take_errands(
    State(store): State<Store>,
    Caller(who): Caller,
    Body(take): Body<TakeErrands>,
) -> Answer<Json<TakenErrands>> {
    Ok(Json(TakenErrands { items: store.errands_take(take, &who).await? }))
}

/// Renew the lease of an errand
#[utoipa::path(post, path = "/v1/fleet/errands/{id}/renew", operation_id = "fleet_errand_renew", tag = "fleet", params(("id" = i64, Path)), request_body = RenewErrand,
    responses((status = 200, body = RenewedErrand), (status = "default", body = Problem)))]
async fn renew_errand(
    State(store): State<Store>,
    Caller(who): Caller,
    Id(id): Id<ErrandId>,
    Body(renew): Body<RenewErrand>,
) -> Answer<Json<RenewedErrand>> {
    Ok(Json(RenewedErrand { lease_secs: store.errand_renew(id, renew, &who).await? }))
}

/// End an errand
#[utoipa::path(post, path = "/v1/fleet/errands/{id}/settle", operation_id = "fleet_errand_settle", tag = "fleet", params(("id" = i64, Path)), request_body = SettleErrand,
    responses((status = 200), (status = "default", body = Problem)))]
async fn settle_errand(
    State(store): State<Store>,
    Caller(who): Caller,
    Id(id): Id<ErrandId>,
    Body(settle): Body<SettleErrand>,
) -> Answer<()> {
    Ok(store.errand_settle(id, settle, &who).await?)
}
