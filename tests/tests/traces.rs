//! One trace from the POST to the last command, as a collector receives it over OTLP.

use model::vm::VmSpec;
use model::{ServerType, State};
use std::collections::{BTreeMap, BTreeSet};
use testkit::collector::{Collector, Span};
use testkit::fleet::{server, vm};
use testkit::{Fleet, LIMIT, Roles, eventually};

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
    let guard = service::start("test", &collector.telemetry()).expect("the telemetry starts");
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
    is_one_tree(&spans, &[]);
}

/// One root, the POST; the road's spans are there, and these; the last command hangs below its step and its attempt.
fn is_one_tree(spans: &[Span], also: &[&str]) {
    let by_id: BTreeMap<String, Span> = spans.iter().map(|span| (span.id.clone(), span.clone())).collect();
    let names: BTreeSet<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    let road = [
        "POST /v1/vms",
        "dispatch vm_phantom.build",
        "process vm_phantom.build",
        "prerequisites",
        "claim",
        "step power on",
        "settle",
    ];
    for name in road.iter().chain(also) {
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

/// The same through processes, RabbitMQ and PostgreSQL; and what is secret is in no span of any of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_fleet_one_trace_goes_through_every_role_and_no_span_holds_a_secret() {
    let collector = Collector::start().await;
    let settings = [("TELEMETRY__OTLP_ENDPOINT", collector.endpoint.as_str())];
    let mut fleet = Roles::start_with(server("host-1", ServerType::Phantom), &settings).await;
    let mut spec = vm(&fleet.image);
    spec.userdata = Some("#cloud-config\npassword: userdata-canary\n".into());
    let (built, task) = fleet.create("web", spec).await;
    fleet.is_in(built, &[State::Running], LIMIT).await;
    let task = fleet.client.task(task, LIMIT).await.expect("the task");
    // Their last spans go out when they end.
    for role in ["worker", "dispatch", "locks", "api"] {
        let ended = fleet.terminate(role).await;
        assert!(ended.success(), "{role}: {ended}");
    }
    let parent = task.traceparent.expect("the task carries its trace");
    let trace = parent.split('-').nth(1).expect("a W3C context").to_owned();
    let spans = eventually(LIMIT, "the trace arrives from every role", async || {
        let spans = collector.trace(&trace);
        let services: BTreeSet<_> = spans.iter().map(|span| span.service.clone()).collect();
        if services.len() == 4 { Ok(spans) } else { Err(services) }
    })
    .await;
    is_one_tree(&spans, &["publish vm_phantom.build", "POST /v1/locks/acquire"]);
    let by_id: BTreeMap<String, Span> = spans.iter().map(|span| (span.id.clone(), span.clone())).collect();
    let process = spans.iter().find(|span| span.name == "process vm_phantom.build").expect("the worker's span");
    assert_eq!(by_id[&process.parent].name, "publish vm_phantom.build");
    let secrets = ["canary", "drv_"];
    for span in collector.spans() {
        let text = format!("{span:?}");
        assert!(!secrets.iter().any(|secret| text.contains(secret)), "a span holds a secret: {text}");
    }
}
