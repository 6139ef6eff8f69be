//! What the routes of all types of resource share; each type's file only names its types for the description.

use crate::auth::Caller;
use crate::body::{self, Body, DryRun, Id, Params};
use crate::problem::Answer;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use iaas::tenant::{Accepted, AskState, Change, Create, Page, ResourceFilter};
use model::ResourceId;
use model::history::HistoryRecord;
use model::resource::{Resource, Spec};
use model::trace::traceparent;
use serde::Serialize;
use store::Store;
use tracing::Span;

/// 202, with where the task is followed.
fn accepted<S: Serialize>(accepted: &Accepted<S>) -> Response {
    let headers =
        [(header::LOCATION, accepted.task_url.clone()), (header::ETAG, body::etag(accepted.resource.version))];
    (StatusCode::ACCEPTED, headers, Json(accepted)).into_response()
}

/// What came with a create.
pub struct Request {
    pub headers: HeaderMap,
    pub method: Method,
    pub uri: Uri,
    pub body: Bytes,
}

pub async fn create<S: Spec>(store: Store, Caller(who): Caller, dry: DryRun, request: Request) -> Answer<Response> {
    let wish: Create<S> = body::parse(&request.body)?;
    if dry.dry_run {
        return Ok(Json(store.resource_place(wish, &who).await?).into_response());
    }
    let idempotency = body::idempotency(&request.headers, &who, &request.method, &request.uri, &request.body);
    let made = store.resource_create(wish, &who, traceparent(&Span::current()), idempotency).await?;
    Ok(accepted(&made))
}

pub async fn list<S: Spec>(
    State(store): State<Store>,
    Caller(who): Caller,
    Params(filter): Params<ResourceFilter>,
) -> Answer<Json<Page<Resource<S>>>> {
    Ok(Json(store.resource_list(&filter, &who).await?))
}

pub async fn read<S: Spec>(
    State(store): State<Store>,
    Caller(who): Caller,
    Id(id): Id<ResourceId>,
) -> Answer<Response> {
    let resource: Resource<S> = store.resource_read(id, &who).await?;
    Ok(([(header::ETAG, body::etag(resource.version))], Json(resource)).into_response())
}

pub async fn change<S: Spec>(
    store: Store,
    Caller(who): Caller,
    id: ResourceId,
    dry: DryRun,
    headers: &HeaderMap,
    change: Change,
) -> Answer<Response> {
    let version = body::if_match(headers, &format!("{} {id}", S::TYPE))?;
    let changed: Accepted<S> =
        store.resource_change(id, version, change.spec, &who, traceparent(&Span::current()), dry.dry_run).await?;
    Ok(accepted(&changed))
}

pub async fn ask<S: Spec>(
    State(store): State<Store>,
    Caller(who): Caller,
    Id(id): Id<ResourceId>,
    Params(dry): Params<DryRun>,
    Body(ask): Body<AskState>,
) -> Answer<Response> {
    let asked: Accepted<S> = store.resource_ask(id, ask, &who, traceparent(&Span::current()), dry.dry_run).await?;
    Ok(accepted(&asked))
}

pub async fn history<S: Spec>(
    State(store): State<Store>,
    Caller(who): Caller,
    Id(id): Id<ResourceId>,
) -> Answer<Json<Page<HistoryRecord>>> {
    let items = store.resource_history(S::TYPE, id, &who).await?;
    Ok(Json(Page { items, next: None }))
}
