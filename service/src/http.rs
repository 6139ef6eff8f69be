//! Serving HTTP: bind, trace each request, end gracefully.

use crate::traces;
use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use errors::Fault;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, field, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

pub async fn bind(address: &str) -> Result<TcpListener, Fault> {
    TcpListener::bind(address)
        .await
        .map_err(|error| Fault::new(&errors::operate::LISTEN_FAILED).hole("address", address).hole("reason", error))
}

/// Until shutdown; requests that are under way end first.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) -> std::io::Result<()> {
    use axum::serve::ListenerExt;
    let listener = listener.tap_io(|stream| {
        // Only speed is lost where it cannot be set.
        let _ = stream.set_nodelay(true);
    });
    // Made once: axum else copies every route for every connection.
    axum::serve(listener, router.into_make_service()).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

/// A SERVER span for each request, in the caller's trace, and the request's metrics. Query strings and headers are in
/// neither: they may hold secrets.
pub async fn trace_layer(request: Request, next: Next) -> Response {
    let method = request.method().as_str().to_owned();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let span = info_span!(
        "request",
        otel.name = %format!("{method} {route}"),
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        http.response.status_code = field::Empty,
    );
    if let Some(parent) = traces::from_headers(request.headers()) {
        // A span that nobody records takes no parent.
        let _ = span.set_parent(parent);
    }
    let began = Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    Span::record(&span, "http.response.status_code", status);
    metrics::counter!("drover_http_requests_total", "method" => method.clone(), "route" => route.clone(), "status" => status.to_string()).increment(1);
    metrics::histogram!("drover_http_request_seconds", "method" => method, "route" => route)
        .record(began.elapsed().as_secs_f64());
    response
}
