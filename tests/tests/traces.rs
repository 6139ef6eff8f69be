//! One trace from the POST to the last command, as a collector receives it over OTLP.

use model::State;
use model::vm::VmSpec;
use service::config::{LogFormat, Telemetry};
use std::collections::{BTreeMap, BTreeSet};
use testkit::collector::{Collector, Span};
use testkit::fleet::vm;
use testkit::{Fleet, LIMIT, eventually};

/// From a span up to its root, by name.
fn way(span: &Span, spans: &BTreeMap<String, Span>) -> Vec<String> {
    let mut names = vec![span.name.clone()];
    let mut at = span;
    while let Some(parent) = spans.get(&at.parent) {
        names.push(parent.name.clone());
        at = parent;
    }
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_is_one_trace_from_the_post_to_the_last_command() {
    let collector = Collector::start().await;
    let telemetry = Telemetry {
        otlp_endpoint: Some(collector.endpoint.clone()),
        log_format: LogFormat::Json,
        log_level: "warn".into(),
    };
    let guard = service::start("test", &telemetry).expect("the telemetry starts");
    let mut fleet = Fleet::setup().start().await;
    fleet.work();
    let built = fleet.create("web", vm(&fleet.image)).await;
    fleet.reaches::<VmSpec>(built.resource.id, State::Running).await;
    let task = fleet.ended(built.task_id).await;
    fleet.stop().await;
    // What is still in the exporter's hands goes out with the guard; off the runtime that the collector runs on.
    tokio::task::spawn_blocking(move || drop(guard)).await.expect("the exporter ends");

    let parent = task.traceparent.expect("the task carries its trace");
    let trace = parent.split('-').nth(1).expect("a W3C context").to_owned();
    let spans = eventually(LIMIT, "the trace arrives", async || {
        let spans = collector.trace(&trace);
        if spans.iter().any(|span| span.name == "settle") { Ok(spans) } else { Err(spans.len()) }
    })
    .await;
    let by_id: BTreeMap<String, Span> = spans.iter().map(|span| (span.id.clone(), span.clone())).collect();
    let names: BTreeSet<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    for name in [
        "POST /v1/vms",
        "dispatch vm_phantom.build",
        "process vm_phantom.build",
        "prerequisites",
        "claim",
        "step power on",
        "settle",
    ] {
        assert!(names.contains(name), "no span {name:?} among {names:?}");
    }
    let roots: Vec<_> =
        spans.iter().filter(|span| !by_id.contains_key(&span.parent)).map(|span| span.name.as_str()).collect();
    assert_eq!(roots, ["POST /v1/vms"], "one root");
    let command = spans.iter().find(|span| span.name == "command phantom").expect("a command's span");
    let way = way(command, &by_id);
    assert_eq!(way.last().map(String::as_str), Some("POST /v1/vms"), "{way:?}");
    assert!(way.iter().any(|name| name.starts_with("step ")), "{way:?}");
    assert!(way.iter().any(|name| name == "process vm_phantom.build"), "{way:?}");
}
