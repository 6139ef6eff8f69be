//! The service's HTTP routes: who may, what was said, and the answer.

use crate::access::Role;
use crate::problem::Refusal;
use crate::server::Locks;
use crate::table::Ask;
use crate::wire::{self, Acquire, Acquired, Lock, Release, Renew, Renewed};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use errors::Fault;
use errors::locks::{BAD_NAME, BAD_REQUEST};
use model::lock::LockName;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// All routes of the lock service. [`Locks::run_expiry`] runs beside it.
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

async fn acquire(State(locks): State<Locks>, headers: HeaderMap, body: Bytes) -> Answer<Json<Acquired>> {
    locks.gate().check(&headers, Role::Worker)?;
    let said: Acquire = read(&body)?;
    within("names", said.names.len(), 1, wire::MAX_NAMES)?;
    within("request", said.request.len(), 1, wire::MAX_REQUEST_ID)?;
    within("lease_secs", said.lease_secs, 1, wire::MAX_LEASE_SECS)?;
    within("wait_secs", said.wait_secs, 0, wire::MAX_WAIT_SECS)?;
    let names = said.names.iter().map(|name| parsed(name)).collect::<Result<Vec<LockName>, Fault>>()?;
    let lease = Duration::from_secs(said.lease_secs);
    let ask = Ask { owner: said.owner, request: said.request, names, lease };
    Ok(Json(locks.acquire(ask, Duration::from_secs(said.wait_secs)).await?))
}

async fn renew(State(locks): State<Locks>, headers: HeaderMap, body: Bytes) -> Answer<Json<Renewed>> {
    locks.gate().check(&headers, Role::Worker)?;
    let said: Renew = read(&body)?;
    within("grants", said.grants.len(), 1, wire::MAX_NAMES)?;
    let lease = locks.renew(said.owner, &said.request, &said.grants)?;
    Ok(Json(Renewed { lease_secs: lease.as_secs() }))
}

async fn release(State(locks): State<Locks>, headers: HeaderMap, body: Bytes) -> Answer<StatusCode> {
    locks.gate().check(&headers, Role::Worker)?;
    let said: Release = read(&body)?;
    locks.release(&said.owner, &said.request);
    Ok(StatusCode::NO_CONTENT)
}

async fn list(State(locks): State<Locks>, headers: HeaderMap) -> Answer<Json<wire::Locks>> {
    locks.gate().check(&headers, Role::Operator)?;
    Ok(Json(wire::Locks { locks: locks.list() }))
}

async fn show(State(locks): State<Locks>, headers: HeaderMap, Path(name): Path<String>) -> Answer<Json<Lock>> {
    locks.gate().check(&headers, Role::Operator)?;
    Ok(Json(locks.show(&parsed(&name)?)?))
}

/// `POST /v1/locks/<name>/break`: names have slashes of their own, so the last part is taken off by hand.
async fn break_lock(State(locks): State<Locks>, headers: HeaderMap, Path(path): Path<String>) -> Answer<StatusCode> {
    locks.gate().check(&headers, Role::Operator)?;
    let name = path.strip_suffix("/break").ok_or_else(|| bad_request("a lock is broken at its name's /break"))?;
    locks.break_lock(&parsed(name)?)?;
    Ok(StatusCode::NO_CONTENT)
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
