//! Traces: OTLP over HTTP when an endpoint is set; ids always, as tasks and log lines carry them.

use crate::config::Telemetry;
use ::http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Sends what is left when it is dropped.
pub struct Guard(SdkTracerProvider);

impl Drop for Guard {
    fn drop(&mut self) {
        // A collector that is away must not keep the process.
        let _ = self.0.shutdown_with_timeout(std::time::Duration::from_secs(3));
    }
}

pub(crate) fn start(role: &str, telemetry: &Telemetry) -> anyhow::Result<(SdkTracer, Guard)> {
    let resource = Resource::builder()
        .with_service_name(format!("drover-{role}"))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let mut provider = SdkTracerProvider::builder().with_resource(resource);
    let endpoint = telemetry.otlp_endpoint.clone().or_else(|| std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok());
    if let Some(endpoint) = endpoint {
        let endpoint = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let exporter = opentelemetry_otlp::SpanExporter::builder().with_http().with_endpoint(endpoint).build()?;
        provider = provider.with_batch_exporter(exporter);
        if std::env::var_os("OTEL_TRACES_SAMPLER").is_none() {
            // Also what a role without an endpoint passes on, which it marks as not recorded.
            provider = provider.with_sampler(Sampler::AlwaysOn);
        }
    } else {
        // Ids, and nothing that nobody would read.
        provider = provider.with_sampler(Sampler::AlwaysOff);
    }
    let provider = provider.build();
    Ok((provider.tracer("drover"), Guard(provider)))
}

/// Makes the span a child of the request or message that led to it.
pub fn continue_from(span: &Span, traceparent: Option<&str>) {
    if let Some(context) = traceparent.and_then(parse) {
        // A span that nobody records takes no parent.
        let _ = span.set_parent(context);
    }
}

/// The trace that the current span belongs to. It is asked of OpenTelemetry's own context, as a line is formatted where
/// `tracing` does not give the current span.
pub fn trace_id() -> Option<String> {
    let context = Context::current();
    let span = context.span();
    let context = span.span_context();
    context.is_valid().then(|| context.trace_id().to_string())
}

struct Carrier(Option<String>);

impl Extractor for Carrier {
    fn get(&self, key: &str) -> Option<&str> {
        if key == "traceparent" { self.0.as_deref() } else { None }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

fn parse(traceparent: &str) -> Option<Context> {
    let context = TraceContextPropagator::new().extract(&Carrier(Some(traceparent.to_owned())));
    context.span().span_context().is_valid().then_some(context)
}

/// The context of a request: W3C first, else Jaeger's own header.
pub fn from_headers(headers: &HeaderMap) -> Option<Context> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    text("traceparent").and_then(parse).or_else(|| text("uber-trace-id").and_then(uber))
}

/// `{trace-id}:{span-id}:{parent-span-id}:{flags}`, in hexadecimal, leading zeros left out or not.
fn uber(header: &str) -> Option<Context> {
    let header = header.replace("%3A", ":").replace("%3a", ":");
    let mut parts = header.split(':');
    let trace = u128::from_str_radix(parts.next()?, 16).ok()?;
    let span = u64::from_str_radix(parts.next()?, 16).ok()?;
    let _parent = parts.next()?;
    let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
    let flags = if flags & 1 == 1 { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let context = SpanContext::new(
        TraceId::from_bytes(trace.to_be_bytes()),
        SpanId::from_bytes(span.to_be_bytes()),
        flags,
        true,
        TraceState::default(),
    );
    (context.is_valid() && parts.next().is_none()).then(|| Context::new().with_remote_span_context(context))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &'static str, value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        from_headers(&headers).map(|context| {
            let span = context.span();
            format!("{}-{}", span.span_context().trace_id(), span.span_context().span_id())
        })
    }

    #[test]
    fn both_headers_are_understood_and_nonsense_is_not() {
        let wanted = Some("0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331".to_owned());
        assert_eq!(of("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), wanted);
        assert_eq!(of("uber-trace-id", "af7651916cd43dd8448eb211c80319c:b7ad6b7169203331:0:1"), wanted);
        for nonsense in ["", "1:2", "x:1:0:1", "0:0:0:1", "1:2:3:1:5"] {
            assert_eq!(of("uber-trace-id", nonsense), None, "{nonsense:?}");
        }
    }
}
