//! Changes and asks: of which version, from which state.

use crate::rig::{Answer, Api, OPERATOR, TENANT, WORKER};
use reqwest::Method;
use serde_json::{Value, json};

/// Plays the worker for a task: claims it and settles it as done.
async fn work(api: &Api, task: &Value) {
    let path = format!("/v1/fleet/tasks/{task}");
    let version = api.get(WORKER, &path).await.is(200).body["resource"]["version"].clone();
    let claim = json!({ "worker": "w", "version": version, "steps": [] });
    let fence = api.post(WORKER, &format!("{path}/claim"), claim).await.is(200).body["fence"].clone();
    let settle = json!({ "fence": fence, "worker": "w", "outcome": { "outcome": "succeeded" }, "steps": [], "steps_total": null });
    api.post(WORKER, &format!("{path}/settle"), settle).await.is(200);
}

async fn running(api: &Api) -> Answer {
    let made = api.vm(TENANT, "web").await;
    work(api, &made.is(202).body["task_id"]).await;
    api.get(TENANT, &format!("/v1/vms/{}", made.body["resource"]["id"])).await
}

#[tokio::test]
async fn a_change_needs_the_version_that_it_is_of() {
    let api = Api::start().await;
    let vm = running(&api).await;
    let path = format!("/v1/vms/{}", vm.is(200).body["id"]);
    let patch = || api.ask(TENANT, Method::PATCH, &path).json(&json!({ "spec": { "cpu": 2 } }));
    api.send(patch()).await.refuses(428, "iaas_resource_005");
    api.send(patch().header("if-match", "\"1\"")).await.refuses(412, "iaas_resource_004");
    let changed = api.send(patch().header("if-match", vm.header("etag"))).await;
    assert_eq!(changed.is(202).body["resource"]["state"], "running_update");
    assert_ne!(changed.header("etag"), vm.header("etag"));
    // What was read before is of an old version now.
    api.send(patch().header("if-match", vm.header("etag"))).await.refuses(412, "iaas_resource_004");
}

#[tokio::test]
async fn an_ask_that_the_table_does_not_have_names_where_it_is_and_what_may_be_asked() {
    let api = Api::start().await;
    let vm = running(&api).await;
    let path = format!("/v1/vms/{}/state", vm.body["id"]);
    let refused = api.post(TENANT, &path, json!({ "state": "restart" })).await;
    let problem = &refused.refuses(409, "iaas_resource_002").body;
    assert_eq!(problem["current_state"], "running");
    assert_eq!(problem["allowed_states"], json!(["quiesce", "scrub", "running_update"]));
    api.post(TENANT, &path, json!({ "state": "sleeping" })).await.refuses(422, "iaas_request_001");
    let asked = api.post(TENANT, &path, json!({ "state": "quiesce" })).await;
    work(&api, &asked.is(202).body["task_id"]).await;
    assert_eq!(api.get(TENANT, &format!("/v1/vms/{}", vm.body["id"])).await.body["state"], "quiesced");
}

#[tokio::test]
async fn a_record_in_use_stays_and_one_that_is_not_goes() {
    let api = Api::start().await;
    let vm = running(&api).await;
    for (record, code) in
        [("servers/1", "iaas_resource_006"), ("images/1", "iaas_resource_006"), ("projects/1", "iaas_resource_006")]
    {
        api.send(api.ask(OPERATOR, Method::DELETE, &format!("/v1/{record}"))).await.refuses(409, code);
    }
    assert_eq!(vm.body["state"], "running");
    api.send(api.ask(OPERATOR, Method::DELETE, "/v1/projects/2")).await.is(204);
    api.get(OPERATOR, "/v1/projects/2").await.refuses(404, "iaas_token_003");
    let twice = json!({ "name": "host-1", "type": "phantom", "cores": 1, "ram_mb": 1, "gb": 1 });
    api.post(OPERATOR, "/v1/servers", twice).await.refuses(409, "iaas_resource_007");
}

#[tokio::test]
async fn a_task_that_waits_for_nobody_is_cancelled_at_once_and_a_failed_one_tried_again() {
    let api = Api::start().await;
    let task = api.vm(TENANT, "web").await.is(202).body["task_id"].clone();
    let retried = api.post(TENANT, &format!("/v1/tasks/{task}/retry"), json!({})).await;
    retried.refuses(409, "iaas_task_002");
    api.post(TENANT, &format!("/v1/tasks/{task}/cancel"), json!({})).await.is(202);
    let ended = api.get(TENANT, &format!("/v1/tasks/{task}?wait=5")).await;
    assert_eq!(ended.is(200).body["status"], "cancelled");
    api.post(TENANT, &format!("/v1/tasks/{task}/cancel"), json!({})).await.refuses(409, "iaas_task_001");
    api.post(TENANT, "/v1/tasks/99/cancel", json!({})).await.refuses(404, "iaas_token_003");
}
