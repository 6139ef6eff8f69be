//! The IaaS API: what tenants and operators ask for, and what dispatchers and workers need to carry it out.
//!
//! Invariant: it never talks to a broker, a worker or a host; it answers from the store alone.

mod auth;
mod body;
mod drift;
mod errands;
mod events;
mod fleet;
mod gpus;
mod images;
mod problem;
mod projects;
mod resource;
mod resources;
mod servers;
mod states;
mod tasks;
mod tokens;

pub use auth::{RULES, Rule};

use axum::extract::DefaultBodyLimit;
use axum::http::Uri;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use axum::{Router, middleware};
use errors::Fault;
use service::health::{self, Checks};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;

/// The largest body that is read: a router with as many rules as it may have, each with a description, fits.
const LARGEST_BODY: usize = 2 << 20;

/// How often the gauges of the fleet are brought up to date.
const GAUGES: Duration = Duration::from_secs(10);

#[derive(OpenApi)]
#[openapi(
    info(title = "drover", description = "The IaaS API of drover: state changes go in, tasks come out."),
    modifiers(&Bearer),
    security(("bearer" = []))
)]
struct Description;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        openapi.components.get_or_insert_default().add_security_scheme("bearer", bearer);
    }
}

fn routes() -> OpenApiRouter<Store> {
    OpenApiRouter::with_openapi(Description::openapi())
        .merge(states::routes())
        .merge(projects::routes())
        .merge(servers::routes())
        .merge(images::routes())
        .merge(resources::routes())
        .merge(gpus::routes())
        .merge(drift::routes())
        .merge(tasks::routes())
        .merge(errands::routes())
        .merge(events::routes())
        .merge(tokens::routes())
        .merge(fleet::routes())
}

/// The description of every route, without a store.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().split_for_parts().1
}

/// All routes on a store; health and metrics are apart.
pub fn router(store: Store) -> Router {
    let (router, description) = routes().split_for_parts();
    let description: Arc<str> = serde_json::to_string(&description).expect("a description is JSON").into();
    let description = async move || ([(CONTENT_TYPE, "application/json")], description.to_string());
    router
        .route_layer(middleware::from_fn_with_state(store.clone(), auth::check))
        .route("/openapi.json", get(description))
        .fallback(async |uri: Uri| problem::refused(Fault::new(&errors::iaas::NO_SUCH_ROUTE).hole("path", uri.path())))
        .method_not_allowed_fallback(async |uri: Uri| problem::method_not_allowed(&uri))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(middleware::from_fn(service::http::trace_layer))
        .with_state(store)
}

/// Serves until shutdown.
pub async fn run(store: Store, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
    let ping = store.clone();
    let checks = Checks::new().with("database", move || {
        let store = ping.clone();
        async move { store.ping().await.map_err(|refusal| refusal.fault.chain()) }
    });
    let router = router(store.clone()).merge(health::router(checks));
    let gauges = tokio::spawn(gauges(store));
    // A long poll or a stream of events would hold up the shutdown: they end with their connections.
    let served = tokio::select! {
        result = service::http::serve(listener, router, shutdown.clone()) => result,
        () = async { shutdown.cancelled().await; tokio::time::sleep(Duration::from_secs(1)).await } => Ok(()),
    };
    gauges.abort();
    Ok(served?)
}

async fn gauges(store: Store) {
    let mut tick = tokio::time::interval(GAUGES);
    loop {
        tick.tick().await;
        if let Ok(counts) = store.resources_by_state().await {
            for (kind, state, count) in counts {
                metrics::gauge!("drover_resources", "kind" => kind.word(), "state" => state.word()).set(count as f64);
            }
        }
        if let Ok(counts) = store.tasks_by_status().await {
            for (kind, status, count) in counts {
                metrics::gauge!("drover_tasks", "kind" => kind.word(), "status" => status.word()).set(count as f64);
            }
        }
        if let Ok(counts) = store.orphans_by_sort().await {
            for (sort, count) in counts {
                metrics::gauge!("drover_orphans", "sort" => sort.word()).set(count as f64);
            }
        }
        if let Ok(oldest) = store.oldest_queued_secs().await {
            metrics::gauge!("drover_queue_oldest_age_seconds").set(oldest.unwrap_or(0.0));
        }
    }
}
