//! The service's HTTP routes: who may, what was said, and the answer.

use crate::access::Role;
use crate::entry::{Ask, Want};
use crate::problem::Refusal;
use crate::server::{Asked, Locks};
use crate::wire::{self, Acquire, Lock, Owner, Release, Renew, Renewed};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use errors::Fault;
use errors::locks::{BAD_NAME, BAD_REQUEST};
use model::lock::LockName;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// All routes of the lock service.
pub fn router(state: Locks) -> Router {
    Router::new()
        .route("/v1/locks", get(list))
        .route("/v1/locks/acquire", post(acquire))
        .route("/v1/locks/renew", post(renew))
        .route("/v1/locks/release", post(release))
        .route("/v1/locks/{*name}", get(show).post(break_lock))
        .with_state(state)
}

type Answer<T> = Result<T, Refusal>;

async fn acquire(State(locks): State<Locks>, headers: HeaderMap, body: Bytes) -> Answer<Response> {
    locks.gate().check(&headers, Role::Worker)?;
    let said: Acquire = read(&body)?;
    within("names", said.names.len() + said.shared.len(), 1, wire::MAX_NAMES)?;
    named(&said.owner, &said.request)?;
    within("lease_secs", said.lease_secs, 1, wire::MAX_LEASE_SECS)?;
    within("wait_secs", said.wait_secs, 0, wire::MAX_WAIT_SECS)?;
    let alone = said.names.iter().map(|name| parsed(name).map(Want::from));
    let shared = said.shared.iter().map(|name| parsed(name).map(Want::shared));
    let wants = alone.chain(shared).collect::<Result<Vec<Want>, Fault>>()?;
    let lease = Duration::from_secs(said.lease_secs);
    let ask = Ask { owner: said.owner, request: said.request, wants, lease, grace: Duration::ZERO, visit: 0 };
    Ok(match locks.acquire(ask, Duration::from_secs(said.wait_secs)).await? {
        Asked::Acquired(acquired) => Json(acquired).into_response(),
        Asked::Waits(waits) => (StatusCode::ACCEPTED, Json(waits)).into_response(),
    })
}

async fn renew(State(locks): State<Locks>, headers: HeaderMap, body: Bytes) -> Answer<Json<Renewed>> {
    locks.gate().check(&headers, Role::Worker)?;
    let said: Renew = read(&body)?;
    named(&said.owner, &said.request)?;
    within("grants", said.grants.len(), 1, wire::MAX_NAMES)?;
    let lease = locks.renew(said.owner, said.request, said.grants).await?;
    Ok(Json(Renewed { lease_secs: lease.as_secs() }))
}

async fn release(State(locks): State<Locks>, headers: HeaderMap, body: Bytes) -> Answer<StatusCode> {
    locks.gate().check(&headers, Role::Worker)?;
    let said: Release = read(&body)?;
    named(&said.owner, &said.request)?;
    locks.release(said.owner, said.request).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list(State(locks): State<Locks>, headers: HeaderMap) -> Answer<Json<wire::Locks>> {
    locks.gate().check(&headers, Role::Operator)?;
    Ok(Json(wire::Locks { locks: locks.list().await? }))
}

async fn show(State(locks): State<Locks>, headers: HeaderMap, Path(name): Path<String>) -> Answer<Json<Lock>> {
    locks.gate().check(&headers, Role::Operator)?;
    Ok(Json(locks.show(&parsed(&name)?).await?))
}

/// `POST /v1/locks/<name>/break`: names have slashes of their own, so the last part is taken off by hand.
async fn break_lock(State(locks): State<Locks>, headers: HeaderMap, Path(path): Path<String>) -> Answer<StatusCode> {
    locks.gate().check(&headers, Role::Operator)?;
    let name = path.strip_suffix("/break").ok_or_else(|| bad_request("a lock is broken at its name's /break"))?;
    locks.break_lock(parsed(name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a request is known by is kept for as long as it lives, and listed.
fn named(owner: &Owner, request: &str) -> Result<(), Fault> {
    within("request", request.len(), 1, wire::MAX_REQUEST_ID)?;
    for (what, text) in [("worker", &owner.worker), ("host", &owner.host), ("step", &owner.step)] {
        within(what, text.len(), 0, wire::MAX_WORD)?;
    }
    Ok(())
}

fn parsed(name: &str) -> Result<LockName, Fault> {
    name.parse().map_err(|reason| Fault::new(&BAD_NAME).hole("lock", name).hole("reason", reason))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|error| bad_request(&error.to_string()))
}

fn within<N: PartialOrd + std::fmt::Display>(what: &str, found: N, least: N, most: N) -> Result<(), Fault> {
    if found < least || found > most {
        return Err(bad_request(&format!("{what} is {found}, and goes from {least} to {most}")));
    }
    Ok(())
}

fn bad_request(reason: &str) -> Fault {
    Fault::new(&BAD_REQUEST).hole("reason", reason)
}
