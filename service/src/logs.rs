//! Logs: lines for people on a terminal, JSON elsewhere; each with the trace, the task and the resource that it is about.

use crate::config::{LogFormat, Telemetry};
use opentelemetry_sdk::trace::SdkTracer;
use serde_json::{Map, Value, json};
use std::fmt;
use std::io::IsTerminal;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// What of a span's fields is put on every line within it.
const CARRIED: &[&str] = &["task", "resource", "host", "worker"];

pub(crate) fn start(telemetry: &Telemetry, tracer: SdkTracer) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().or_else(|_| EnvFilter::try_new(&telemetry.log_level))?;
    let json = match telemetry.log_format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let lines =
        tracing_subscriber::fmt::layer().event_format(Lines { json }).with_writer(std::io::stderr).with_filter(filter);
    let spans = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_filter(EnvFilter::new("info,h2=off,hyper=off,reqwest=off,lapin=off,sqlx=off"));
    // A second start in one process keeps the first subscriber.
    let _ = tracing_subscriber::registry().with(Carry).with(spans).with(lines).try_init();
    Ok(())
}

/// Remembers the carried fields of each span.
struct Carry;

#[derive(Default)]
struct Carried(Map<String, Value>);

impl Visit for Carried {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), json!(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), json!(value));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Carry {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Carried::default();
        attributes.record(&mut fields);
        fields.0.retain(|name, _| CARRIED.contains(&name.as_str()));
        if let (false, Some(span)) = (fields.0.is_empty(), context.span(id)) {
            span.extensions_mut().insert(fields);
        }
    }
}

/// One event, one line.
struct Lines {
    json: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Carried::default();
        event.record(&mut fields);
        let mut fields = fields.0;
        let message =
            fields.remove("message").and_then(|message| message.as_str().map(str::to_owned)).unwrap_or_default();
        let mut carried = Map::new();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(own) = span.extensions().get::<Carried>() {
                carried.extend(own.0.clone());
            }
        }
        if let (false, Some(trace)) = (carried.is_empty(), crate::traces::trace_id()) {
            carried.insert("trace_id".to_owned(), json!(trace));
        }
        let metadata = event.metadata();
        let now = jiff::Timestamp::now();
        if self.json {
            let mut line = Map::new();
            line.insert("time".into(), json!(now.to_string()));
            line.insert("level".into(), json!(metadata.level().as_str()));
            line.insert("target".into(), json!(metadata.target()));
            line.insert("message".into(), json!(message));
            line.extend(fields);
            line.extend(carried);
            return writeln!(writer, "{}", Value::Object(line));
        }
        write!(writer, "{} {:>5} {message}", now.strftime("%H:%M:%S%.3f"), metadata.level())?;
        for (name, value) in fields.into_iter().chain(carried) {
            match value {
                Value::String(text) => write!(writer, " {name}={text}")?,
                other => write!(writer, " {name}={other}")?,
            }
        }
        writeln!(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use tracing::{info, info_span};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_of_a_task_carries_trace_task_and_resource() {
        use opentelemetry::trace::TracerProvider;
        let page = Page::default();
        let writer = page.clone();
        let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
        let lines =
            tracing_subscriber::fmt::layer().event_format(Lines { json: true }).with_writer(move || writer.clone());
        let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let subscriber = tracing_subscriber::registry().with(Carry).with(spans).with(lines);
        tracing::subscriber::with_default(subscriber, || {
            let _process = info_span!("process", task = 12, resource = 7, secret = "canary").entered();
            let _step = info_span!("step").entered();
            info!(fence = 3, "claimed");
        });
        let line: Value = serde_json::from_slice(&page.0.lock().unwrap()).unwrap();
        assert_eq!(
            (&line["message"], &line["fence"], &line["task"], &line["resource"]),
            (&json!("claimed"), &json!(3), &json!(12), &json!(7))
        );
        assert_eq!(line["trace_id"].as_str().unwrap().len(), 32);
        assert!(line.get("secret").is_none());
    }
}
