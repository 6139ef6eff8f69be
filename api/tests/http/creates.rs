//! Creates: what they answer, and what they refuse.

use crate::rig::{Api, OPERATOR, TENANT, wish};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_create_answers_202_with_the_tasks_place_and_the_version() {
    let api = Api::start().await;
    let made = api.vm(TENANT, "web").await;
    made.is(202);
    let task = made.header("location");
    assert_eq!(task, made.body["task_url"].as_str().expect("a URL"));
    assert_eq!(made.header("etag"), format!("\"{}\"", made.body["resource"]["version"]));
    assert_eq!(api.get(TENANT, task).await.is(200).body["verb"], "build");
}

#[tokio::test]
async fn a_key_makes_one_vm_of_many_requests_and_is_refused_for_another() {
    let api = Api::start().await;
    let ask = |name: &str| api.ask(TENANT, Method::POST, "/v1/vms").header("idempotency-key", "k").json(&wish(1, name));
    let first = api.send(ask("web")).await;
    let again = api.send(ask("web")).await;
    assert_eq!(first.is(202).body, again.is(202).body);
    api.send(ask("db")).await.refuses(409, "iaas_request_005");
    assert_eq!(api.get(TENANT, "/v1/vms").await.body["items"].as_array().map(Vec::len), Some(1));
    // Another token's keys are its own.
    let other = api.ask(OPERATOR, Method::POST, "/v1/vms").header("idempotency-key", "k").json(&wish(1, "db"));
    api.send(other).await.is(202);
}

#[tokio::test]
async fn what_cannot_be_built_is_refused_with_what_is_wrong() {
    let api = Api::start().await;
    let mut large = wish(1, "large");
    large["spec"]["cpu"] = json!(65);
    let refused = api.post(TENANT, "/v1/vms", large).await;
    let checks = &refused.refuses(409, "iaas_vm_create_101").body["checks"];
    assert_eq!((&checks[0]["server"], &checks[0]["check"]), (&json!("host-1"), &json!("cores")), "{checks:#}");
    let mut none = wish(1, "none");
    none["spec"]["disks"] = json!([]);
    api.post(TENANT, "/v1/vms", none).await.refuses(422, "iaas_resource_003");
    let mut image = wish(1, "image");
    image["spec"]["image"] = json!(9);
    api.post(TENANT, "/v1/vms", image).await.refuses(404, "iaas_resource_001");
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_without_repeating_it() {
    let api = Api::start().await;
    let ask = |body: &'static str| {
        api.ask(TENANT, Method::POST, "/v1/vms").header("content-type", "application/json").body(body)
    };
    for (body, said) in [
        (r#"{"project_id":1,"name":"a","extra":"canary"}"#, "extra"),
        (r#"{"project_id":"canary"}"#, "line 1"),
        ("canary", "line 1"),
        ("", "line 1"),
    ] {
        let refused = api.send(ask(body)).await;
        let text = refused.refuses(422, "iaas_request_001").body.to_string();
        assert!(text.contains(said) && !text.contains("canary"), "{body}: {text}");
    }
    let form = api.ask(OPERATOR, Method::POST, "/v1/projects").header("content-type", "text/plain").body("{}");
    api.send(form).await.refuses(422, "iaas_request_001");
    let huge = api.ask(OPERATOR, Method::POST, "/v1/projects").json(&json!({ "name": "x".repeat(2 << 20) }));
    assert!([413, 422].contains(&api.send(huge).await.status));
}

/// So many rules, each as long as people write them: networks of IPv6, a list of ports, a description in full.
fn router(rules: usize) -> serde_json::Value {
    let rule = |order: usize| {
        json!({
            "order": order, "allow": true, "source": format!("2001:db8:ffff:ffff:ffff:ffff:ffff:{order:x}/128"),
            "destination": "fd00:1:ffff:ffff:ffff:ffff:ffff:5/128", "protocol": "tcp", "log": true,
            "ports": ["8000-8099", "8200-8299", "8400-8499", "8600-8699", "8800-8899"], "description": "d".repeat(200),
        })
    };
    let firewall: Vec<_> = (0..rules).map(rule).collect();
    json!({ "segments": [{ "name": "web", "address": "10.1.0.1/24", "address_v6": "fd00:1::1/64" }], "firewall": firewall })
}

#[tokio::test]
async fn a_router_takes_two_thousand_rules_and_no_more() {
    let api = Api::start().await;
    let wish = |rules| json!({ "project_id": 1, "name": "router", "spec": router(rules) });
    let refused = api.post(TENANT, "/v1/virtual_routers", wish(2001)).await;
    let detail = refused.refuses(422, "iaas_resource_003").body["detail"].to_string();
    assert!(detail.contains("firewall holds at most 2000, not 2001"), "{detail}");
    let made = api.post(TENANT, "/v1/virtual_routers", wish(2000)).await;
    let path = format!("/v1/virtual_routers/{}", made.is(202).body["resource"]["id"]);
    let kept = api.get(TENANT, &path).await.is(200).body["spec"]["firewall"].clone();
    assert_eq!(kept, router(2000)["firewall"]);
}

#[tokio::test]
async fn a_dry_run_says_where_it_would_stand_and_stores_nothing() {
    let api = Api::start().await;
    let said = api.post(TENANT, "/v1/vms?dry_run=true", wish(1, "web")).await;
    assert_eq!(said.is(200).body, json!({ "host": "host-1", "kind": "vm_phantom" }));
    assert_eq!(api.get(TENANT, "/v1/vms").await.body["items"], json!([]));
}
