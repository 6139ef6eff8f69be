//! Lists, events, health, and what is not there.

use crate::rig::{Api, OPERATOR, TENANT};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_list_is_read_page_by_page_and_filtered() {
    let api = Api::start().await;
    for n in 1..=5 {
        api.vm(TENANT, &format!("vm-{n}")).await.is(202);
    }
    let (mut names, mut path) = (Vec::new(), "/v1/vms?limit=2".to_owned());
    let mut pages = 0;
    loop {
        let page = api.get(TENANT, &path).await;
        let items = page.is(200).body["items"].as_array().expect("items").clone();
        assert!(items.len() <= 2);
        names.extend(items.iter().map(|item| item["name"].as_str().expect("a name").to_owned()));
        pages += 1;
        match page.body["next"].as_str() {
            Some(next) => path = format!("/v1/vms?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((names.as_slice(), pages), (["vm-1", "vm-2", "vm-3", "vm-4", "vm-5"].map(String::from).as_slice(), 3));
    let named = api.get(TENANT, "/v1/vms?name=vm-3&state=requested").await.body;
    assert_eq!(named["items"].as_array().map(Vec::len), Some(1), "{named:#}");
    assert_eq!(api.get(TENANT, "/v1/vms?state=running").await.body["items"], json!([]));
    for query in ["limit=many", "colour=red", "state=sleeping", "cursor=%00"] {
        api.get(TENANT, &format!("/v1/vms?{query}")).await.refuses(422, "iaas_request_002");
    }
}

/// Reads server-sent events until there are so many; gives each one's id and data.
async fn events(api: &Api, last: Option<&str>, path: &str, count: usize) -> Vec<(String, Value)> {
    let mut ask = api.ask(TENANT, Method::GET, path);
    if let Some(last) = last {
        ask = ask.header("last-event-id", last);
    }
    let mut response = ask.send().await.expect("the API answers");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let (mut text, mut events) = (String::new(), Vec::new());
    while events.len() < count {
        let chunk = tokio::time::timeout(std::time::Duration::from_secs(20), response.chunk());
        let chunk = chunk.await.expect("an event comes").expect("the stream goes on").expect("the stream goes on");
        text.push_str(&String::from_utf8_lossy(&chunk));
        while let Some((event, rest)) = text.split_once("\n\n") {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            if let (Some(id), Some(data)) = (field("id:"), field("data:")) {
                events.push((id.to_owned(), serde_json::from_str(data).expect("JSON")));
            }
            text = rest.to_owned();
        }
    }
    events
}

#[tokio::test]
async fn events_go_on_after_the_last_one_that_was_seen() {
    let api = Api::start().await;
    for n in 1..=3 {
        api.vm(TENANT, &format!("vm-{n}")).await.is(202);
    }
    // Each create is the resource's change and its task's queueing.
    let all = events(&api, None, "/v1/events?after=0", 6).await;
    let ids: Vec<u64> = all.iter().map(|(id, _)| id.parse().expect("a number")).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
    let rest = events(&api, Some(&all[3].0), "/v1/events", 2).await;
    assert_eq!(rest, all[4..6]);
    assert_eq!(all[0].1["state"], "requested");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let api = Api::start().await;
    api.get(OPERATOR, "/v1/nothing").await.refuses(404, "iaas_request_003");
    api.get(OPERATOR, "/v1/vms/7").await.refuses(404, "iaas_token_003");
    api.get(OPERATOR, "/v1/vms/seven").await.refuses(422, "iaas_request_002");
    let method = api.send(api.ask(OPERATOR, Method::DELETE, "/v1/states")).await;
    assert_eq!((method.status, &method.body["code"]), (405, &json!("iaas_request_003")));
}

#[tokio::test]
async fn health_the_description_and_the_catalogue_are_served() {
    let api = Api::start().await;
    for path in ["/livez", "/readyz", "/healthz", "/metrics", "/openapi.json"] {
        api.get("nobody", path).await.is(200);
    }
    let ready = api.get("nobody", "/readyz?verbose").await.body.to_string();
    assert!(ready.contains("database"), "{ready}");
    let served = api.get("nobody", "/openapi.json").await.body;
    assert_eq!(served, serde_json::to_value(api::openapi()).expect("JSON"));
    let explained = api.get(TENANT, "/v1/errors/iaas_vm_create_101").await;
    assert!(explained.is(200).body["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()));
    let table = api.get(TENANT, "/v1/states").await;
    assert!(table.is(200).body.to_string().contains("running_updating"));
}
