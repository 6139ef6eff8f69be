//! `/livez`, `/readyz`, `/healthz`, `/metrics`. Liveness is the process alone; readiness is named checks.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use futures::future::{BoxFuture, join_all};
use std::sync::Arc;
use std::time::Duration;

/// A check that does not answer within this time has failed.
const LIMIT: Duration = Duration::from_secs(2);

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

#[derive(Clone, Default)]
pub struct Checks(Vec<(&'static str, Check)>);

impl Checks {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn with<F>(mut self, name: &'static str, check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.0.push((name, Arc::new(move || Box::pin(check()))));
        self
    }

    async fn run(&self) -> Vec<(&'static str, Result<(), String>)> {
        join_all(self.0.iter().map(|(name, check)| async move {
            let result = tokio::time::timeout(LIMIT, check()).await;
            (*name, result.unwrap_or_else(|_| Err(format!("no answer within {} s", LIMIT.as_secs()))))
        }))
        .await
    }
}

pub fn router(checks: Checks) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(async || ([("content-type", "text/plain; version=0.0.4")], crate::metrics::page())))
        .with_state(checks)
}

async fn ready(State(checks): State<Checks>, RawQuery(query): RawQuery) -> impl IntoResponse {
    let results = checks.run().await;
    let failed = results.iter().any(|(_, result)| result.is_err());
    let status = if failed { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let verbose = failed
        || query.is_some_and(|query| query.split('&').any(|part| part == "verbose" || part.starts_with("verbose=")));
    let mut text = String::new();
    for (name, result) in results.iter().filter(|_| verbose) {
        match result {
            Ok(()) => text.push_str(&format!("[+] {name} ok\n")),
            Err(reason) => text.push_str(&format!("[-] {name}: {reason}\n")),
        }
    }
    text.push_str(if failed { "not ready\n" } else { "ok\n" });
    (status, text)
}
