//! The service's HTTP as any client sees it.

use crate::fleet::{Fleet, OPERATOR, WORKER, access, name, owner, soon};
use locks::Client;
use locks::wire::Acquired;
use reqwest::Response;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::time::Duration;

async fn post(fleet: &Fleet, path: &str, token: &str, body: &Value) -> Response {
    let request = reqwest::Client::new().post(format!("{}{path}", fleet.url())).bearer_auth(token).json(body);
    request.send().await.expect("an answer")
}

fn ask(names: &[&str], request: &str) -> Value {
    json!({ "names": names, "owner": owner(1), "request": request, "lease_secs": 15, "wait_secs": 0 })
}

async fn code(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = response.json().await.expect("a problem document");
    assert_eq!(problem["status"], status);
    for part in ["type", "title", "detail", "hint"] {
        assert!(problem[part].as_str().is_some_and(|text| !text.is_empty()), "{part} of {problem}");
    }
    (status, problem["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_request_sent_again_is_answered_as_the_first_was() {
    let fleet = Fleet::start().await;
    let body = ask(&["resource/7", "host/kvm-1"], "one");
    let first: Acquired = post(&fleet, "/v1/locks/acquire", WORKER, &body).await.json().await.expect("grants");
    let again: Acquired = post(&fleet, "/v1/locks/acquire", WORKER, &body).await.json().await.expect("grants");
    assert_eq!(first.grants, again.grants);
    let order: Vec<String> = first.grants.iter().map(|grant| grant.name.to_string()).collect();
    assert_eq!(order, ["host/kvm-1", "resource/7"], "the global order, not the caller's");

    let release = json!({ "owner": owner(1), "request": "one" });
    for _ in 0..2 {
        assert_eq!(post(&fleet, "/v1/locks/release", WORKER, &release).await.status(), 204);
    }
    assert!(fleet.locks.is_idle().await);
    let renew = json!({ "owner": owner(1), "request": "one", "grants": [{ "name": "host/kvm-1", "fence": 1001 }] });
    let refused = post(&fleet, "/v1/locks/renew", WORKER, &renew).await;
    assert_eq!(code(refused).await, (412, errors::locks::NOT_HELD.code.to_owned()));
}

#[tokio::test]
async fn a_held_lock_is_answered_with_504_when_the_wait_is_over() {
    let fleet = Fleet::start().await;
    post(&fleet, "/v1/locks/acquire", WORKER, &ask(&["host/a"], "one")).await;
    let mut other = ask(&["host/a"], "two");
    other["owner"]["task"] = json!(2);
    let refused = post(&fleet, "/v1/locks/acquire", WORKER, &other).await;
    assert_eq!(code(refused).await, (423, errors::locks::LOCK_TIMEOUT.code.to_owned()));
}

#[tokio::test]
async fn a_connection_that_closes_takes_its_waiting_request_along_unless_another_asks_again() {
    let fleet = Fleet::start().await;
    let lock = name("host/a");
    post(&fleet, "/v1/locks/acquire", WORKER, &ask(&["host/a"], "one")).await;
    let waiting = || {
        let mut body = ask(&["host/a"], "two");
        body["owner"]["task"] = json!(2);
        body["wait_secs"] = json!(60);
        let request = reqwest::Client::new().post(format!("{}/v1/locks/acquire", fleet.url()));
        tokio::spawn(request.bearer_auth(WORKER).json(&body).send())
    };
    let first = waiting();
    fleet.until_waiters(&lock, 1).await;
    first.abort();
    fleet.until_waiters(&lock, 0).await;

    let second = waiting();
    fleet.until_waiters(&lock, 1).await;
    let third = waiting();
    // The second connection is answered nothing more as soon as the third is there.
    assert_eq!(soon(second).await.expect("no panic").expect("an answer").status(), 423);
    fleet.until_waiters(&lock, 1).await;
    post(&fleet, "/v1/locks/release", WORKER, &json!({ "owner": owner(1), "request": "one" })).await;
    let granted = soon(third).await.expect("no panic").expect("an answer");
    assert_eq!(granted.status(), 200);
}

#[tokio::test]
async fn what_is_not_supported_is_refused_and_not_ignored() {
    let fleet = Fleet::start().await;
    let with = |key: &str, value: Value| {
        let mut body = ask(&["host/a"], "one");
        body[key] = value;
        body
    };
    let bad_request = (422, errors::locks::BAD_REQUEST.code.to_owned());
    for body in [
        with("mode", json!("shared")),
        with("names", json!([])),
        with("lease_secs", json!(0)),
        with("lease_secs", json!(100_000)),
        with("wait_secs", json!(100_000)),
        with("request", json!("")),
        json!("not an object"),
    ] {
        let refused = post(&fleet, "/v1/locks/acquire", WORKER, &body).await;
        assert_eq!(code(refused).await, bad_request, "{body}");
    }
    let refused = post(&fleet, "/v1/locks/acquire", WORKER, &ask(&["moon/a"], "one")).await;
    assert_eq!(code(refused).await, (422, errors::locks::BAD_NAME.code.to_owned()));
    assert!(fleet.locks.is_idle().await);
}

#[tokio::test]
async fn each_role_has_its_own_token() {
    let fleet = Fleet::start().await;
    let body = ask(&["host/a"], "one");
    let unknown = (401, errors::locks::TOKEN_UNKNOWN.code.to_owned());
    let role = (403, errors::locks::TOKEN_ROLE.code.to_owned());
    assert_eq!(code(post(&fleet, "/v1/locks/acquire", "", &body).await).await, unknown);
    assert_eq!(code(post(&fleet, "/v1/locks/acquire", "guess", &body).await).await, unknown);
    assert_eq!(code(post(&fleet, "/v1/locks/acquire", OPERATOR, &body).await).await, role);
    assert_eq!(code(post(&fleet, "/v1/locks/host/a/break", WORKER, &json!(null)).await).await, role);
    let worker = Client::new(&fleet.url(), SecretString::from(WORKER));
    assert_eq!(worker.list().await.expect_err("not its role").entry.code, role.1);
    let bare = reqwest::get(format!("{}/v1/locks", fleet.url())).await.expect("an answer");
    assert_eq!(code(bare).await, unknown);
}

#[tokio::test]
async fn fences_rise_over_a_restart_of_the_service() {
    let mut last = None;
    for _ in 0..2 {
        let locks = locks::service(&access(), "memory:").await.expect("it opens");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let serving = tokio::spawn(async { axum::serve(listener, locks::router(locks)).await });
        let client = Client::new(&url, SecretString::from(WORKER));
        for _ in 0..3 {
            let held = client.acquire(&[name("host/a")], owner(1), Duration::ZERO).await.expect("it is free");
            let fence = held.fence(&name("host/a"));
            assert!(fence > last, "{fence:?} after {last:?}");
            last = fence;
            held.release().await;
        }
        serving.abort();
    }
}
