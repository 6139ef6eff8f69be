//! The W3C trace context of a span, as it stands in requests, messages and tasks.

use opentelemetry::trace::TraceContextExt;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Its header.
pub const TRACEPARENT: &str = "traceparent";

/// None where no trace is kept.
pub fn traceparent(span: &Span) -> Option<String> {
    let context = span.context();
    let span = context.span().span_context().clone();
    span.is_valid().then(|| format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8()))
}
