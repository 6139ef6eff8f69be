//! Who may use which route, and see what.

use crate::rig::{Api, OPERATOR, ROLES, TENANT, WORKER, name, wish};
use api::{RULES, Rule};
use iaas::tenant::Role;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn place(rule: &Rule) -> (String, String) {
    (rule.method.to_owned(), rule.path.to_owned())
}

#[test]
fn every_route_of_the_description_has_one_rule_and_every_rule_a_route() {
    let document = serde_json::to_value(api::openapi()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let methods = |(path, item): (&String, &Value)| -> Vec<(String, String)> {
        let item = item.as_object().expect("a path's methods");
        item.keys().map(|method| (method.to_uppercase(), path.clone())).collect()
    };
    let described: BTreeSet<_> = paths.iter().flat_map(methods).collect();
    let ruled: BTreeSet<_> = RULES.iter().map(place).collect();
    assert_eq!(described, ruled);
    assert_eq!(ruled.len(), RULES.len(), "a route has two rules");
}

#[tokio::test]
async fn each_route_is_open_to_its_roles_and_closed_to_the_others() {
    let api = Api::start().await;
    for rule in RULES {
        let path = rule.path.replace("{id}", "999").replace("{host}", "nowhere").replace("{code}", "nothing");
        let method: Method = rule.method.parse().expect("a method");
        let ask = |token: &str| {
            api.ask(token, method.clone(), &path).json(&json!({})).timeout(std::time::Duration::from_secs(20))
        };
        let place = format!("{method} {path}");
        api.send(ask("nobody")).await.refuses(401, "iaas_token_001");
        for role in ROLES {
            // A stream does not end by itself: its headers say enough.
            let response = ask(name(role)).send().await.expect("the API answers");
            let status = response.status().as_u16();
            if rule.roles.contains(&role) {
                assert!(![401, 403, 405, 500].contains(&status), "{place} as {role:?}: {status}");
            } else {
                assert_eq!(status, 403, "{place} as {role:?}");
                let problem: Value = response.json().await.expect("a problem");
                assert_eq!(problem["code"], "iaas_token_002", "{place} as {role:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_token_that_is_wrong_or_revoked_opens_nothing() {
    let api = Api::start().await;
    let wrong = api.send(api.ask("nobody", Method::GET, "/v1/states").bearer_auth("drv_wrong")).await;
    wrong.refuses(401, "iaas_token_001");
    assert_eq!(wrong.header("www-authenticate"), "Bearer");
    let made = api.post(OPERATOR, "/v1/tokens", json!({ "name": "short", "role": "operator" })).await;
    let (id, secret) = (&made.is(201).body["id"], made.body["secret"].as_str().expect("a secret"));
    let ask = || api.ask("nobody", Method::GET, "/v1/projects").bearer_auth(secret);
    api.send(ask()).await.is(200);
    api.send(api.ask(OPERATOR, Method::POST, &format!("/v1/tokens/{id}/revoke"))).await.is(200);
    api.send(ask()).await.refuses(401, "iaas_token_001");
    let listed = api.get(OPERATOR, "/v1/tokens").await.body.to_string();
    assert!(!listed.contains(secret), "a list of tokens holds a secret");
}

#[tokio::test]
async fn a_tenant_sees_its_own_project_and_no_other() {
    let mut api = Api::start().await;
    api.token("other", Role::Tenant, 2, "").await;
    let made = api.vm(TENANT, "mine").await;
    let (vm, task) = (&made.is(202).body["resource"]["id"], &made.body["task_id"]);
    for path in [format!("/v1/vms/{vm}"), format!("/v1/vms/{vm}/history"), format!("/v1/tasks/{task}")] {
        api.get(TENANT, &path).await.is(200);
        assert_eq!(api.get("other", &path).await.status, 404, "{path}");
    }
    api.post("other", &format!("/v1/vms/{vm}/state"), json!({ "state": "quiesce" }))
        .await
        .refuses(404, "iaas_token_003");
    api.post("other", &format!("/v1/tasks/{task}/cancel"), json!({})).await.refuses(404, "iaas_token_003");
    api.post("other", "/v1/vms", wish(1, "theirs")).await.refuses(404, "iaas_token_003");
    assert_eq!(api.get("other", "/v1/vms").await.body["items"], json!([]));
    assert_eq!(api.get("other", "/v1/tasks").await.body["items"], json!([]));
    let projects = api.get("other", "/v1/projects").await.body;
    assert_eq!(projects["items"].as_array().map(Vec::len), Some(1), "{projects:#}");
    api.get("other", "/v1/events?project=1").await.refuses(404, "iaas_token_003");
}

#[tokio::test]
async fn a_worker_sees_and_moves_only_the_tasks_of_its_hosts() {
    let mut api = Api::start().await;
    api.token("stranger", Role::Worker, 1, "host-2").await;
    let task = api.vm(TENANT, "web").await.is(202).body["task_id"].clone();
    let path = format!("/v1/fleet/tasks/{task}");
    let version = api.get(WORKER, &path).await.is(200).body["resource"]["version"].clone();
    api.get("stranger", &path).await.refuses(403, "iaas_token_004");
    let claim = json!({ "worker": "w", "version": version, "steps": [] });
    api.post("stranger", &format!("{path}/claim"), claim.clone()).await.refuses(403, "iaas_token_004");
    api.post(WORKER, &format!("{path}/claim"), claim.clone()).await.is(200);
    api.post(WORKER, &format!("{path}/claim"), claim).await.refuses(409, "iaas_fleet_001");
    let late = json!({ "fence": 0, "steps": [], "steps_total": null });
    api.post(WORKER, &format!("{path}/steps"), late).await.refuses(412, "iaas_fleet_002");
    assert_eq!(api.get("stranger", "/v1/fleet/servers").await.body["items"], json!([]));
}
