//! The client that dispatcher, worker, command line and tests use: one method per route.

use crate::fleet::{
    Assignment, Claim, Claimed, Feed, Progress, Release, RenewErrand, Renewed, RenewedErrand, Settle, SettleErrand,
    Sweep, Swept, TakeErrands, TakeFeed, TakenErrands, Wait,
};
use crate::http::{Call, Http};
use crate::problem::Failure;
use crate::tenant::{
    Accepted, AskErrand, AskState, Change, Create, CreateToken, CreatedToken, DriftAsk, DriftAsked, DriftFilter,
    Drifted, ErrandFilter, OrphanFilter, Page, Placement, ResourceFilter, TaskFilter, TokenInfo,
};
use futures::{Stream, StreamExt};
use model::drift::DriftPolicy;
use model::errand::{Errand, Orphan};
use model::event::Event;
use model::history::HistoryRecord;
use model::resource::{Resource, Spec};
use model::server::WorkerReport;
use model::task::Task;
use model::{ErrandId, EventSeq, OrphanId, ProjectId, ResourceId, ResourceType, TaskId, Version};
use reqwest::Method;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

#[derive(Clone)]
pub struct Client {
    http: Http,
}

type Answer<T> = Result<T, Failure>;

/// The path of a type of resource: `vms`.
pub fn collection(resource: ResourceType) -> &'static str {
    match resource {
        ResourceType::Vm => "vms",
        ResourceType::VirtualRouter => "virtual_routers",
        ResourceType::Snapshot => "snapshots",
        ResourceType::Backup => "backups",
        ResourceType::Ceph => "ceph",
        ResourceType::Gpu => "gpus",
    }
}

impl Client {
    /// `url` is the API's base, `http://127.0.0.1:7070`.
    pub fn new(url: &str, token: SecretString) -> Self {
        Self { http: Http::new(url, token) }
    }

    pub fn url(&self) -> &str {
        self.http.base()
    }

    // --- resources of tenants ---------------------------------------------------------------------------------------

    /// The key makes a repeated create answer as the first did.
    pub async fn create<S: Spec>(&self, wish: &Create<S>, idempotency_key: &str) -> Answer<Accepted<S>> {
        let path = format!("/v1/{}", collection(S::TYPE));
        self.http.send(Call::post(path, wish).header("idempotency-key", idempotency_key)).await
    }

    pub async fn create_dry_run<S: Spec>(&self, wish: &Create<S>) -> Answer<Placement> {
        self.http.send(Call::post(format!("/v1/{}?dry_run=true", collection(S::TYPE)), wish)).await
    }

    pub async fn list<S: Spec>(&self, filter: &ResourceFilter) -> Answer<Page<Resource<S>>> {
        self.http.send(Call::get(format!("/v1/{}{}", collection(S::TYPE), query(filter)))).await
    }

    pub async fn read<S: Spec>(&self, id: ResourceId) -> Answer<Resource<S>> {
        self.http.send(Call::get(format!("/v1/{}/{id}", collection(S::TYPE)))).await
    }

    /// `version` is the one that was read; a change since then is refused.
    pub async fn change<S: Spec>(
        &self,
        id: ResourceId,
        version: Version,
        change: &Change,
        dry_run: bool,
    ) -> Answer<Accepted<S>> {
        let path = format!("/v1/{}/{id}{}", collection(S::TYPE), dry(dry_run));
        let call = Call::post(path, change).method(Method::PATCH).header("if-match", format!("\"{version}\""));
        self.http.send(call).await
    }

    pub async fn ask<S: Spec>(
        &self,
        id: ResourceId,
        wanted: impl Into<AskState>,
        dry_run: bool,
    ) -> Answer<Accepted<S>> {
        let path = format!("/v1/{}/{id}/state{}", collection(S::TYPE), dry(dry_run));
        self.http.send(Call::post(path, &wanted.into())).await
    }

    pub async fn history(&self, resource: ResourceType, id: ResourceId) -> Answer<Page<HistoryRecord>> {
        self.http.send(Call::get(format!("/v1/{}/{id}/history", collection(resource)))).await
    }

    // --- tasks ------------------------------------------------------------------------------------------------------

    pub async fn tasks(&self, filter: &TaskFilter) -> Answer<Page<Task>> {
        self.http.send(Call::get(format!("/v1/tasks{}", query(filter)))).await
    }

    /// With `wait`, answers when the task has ended or the time is over, at most 60 s.
    pub async fn task(&self, id: TaskId, wait: Duration) -> Answer<Task> {
        let path =
            if wait.is_zero() { format!("/v1/tasks/{id}") } else { format!("/v1/tasks/{id}?wait={}", wait.as_secs()) };
        self.http.send(Call::get(path).wait(wait)).await
    }

    pub async fn task_cancel(&self, id: TaskId) -> Answer<Task> {
        self.http.send(Call::post(format!("/v1/tasks/{id}/cancel"), &())).await
    }

    /// Makes a new task for the verb that failed.
    pub async fn task_retry(&self, id: TaskId) -> Answer<Task> {
        self.http.send(Call::post(format!("/v1/tasks/{id}/retry"), &())).await
    }

    // --- drift ------------------------------------------------------------------------------------------------------

    pub async fn drift(&self, filter: &DriftFilter) -> Answer<Page<Drifted>> {
        self.http.send(Call::get(format!("/v1/drift{}", query(filter)))).await
    }

    pub async fn drift_act(&self, id: ResourceId, policy: DriftPolicy) -> Answer<DriftAsked> {
        self.http.send(Call::post(format!("/v1/drift/{id}"), &DriftAsk { policy })).await
    }

    // --- projects, servers, images, tokens: plain records, by the name of their collection --------------------------

    pub async fn record_create<W: Serialize, T: DeserializeOwned>(&self, collection: &str, wish: &W) -> Answer<T> {
        self.http.send(Call::post(format!("/v1/{collection}"), wish)).await
    }

    pub async fn record_list<T: DeserializeOwned>(&self, collection: &str, cursor: Option<&str>) -> Answer<Page<T>> {
        let cursor = cursor.map(|cursor| format!("?cursor={cursor}")).unwrap_or_default();
        self.http.send(Call::get(format!("/v1/{collection}{cursor}"))).await
    }

    pub async fn record_read<T: DeserializeOwned>(&self, collection: &str, id: i64) -> Answer<T> {
        self.http.send(Call::get(format!("/v1/{collection}/{id}"))).await
    }

    /// A JSON merge patch of the record's wish.
    pub async fn record_change<T: DeserializeOwned>(
        &self,
        collection: &str,
        id: i64,
        version: Version,
        patch: &serde_json::Value,
    ) -> Answer<T> {
        let call = Call::post(format!("/v1/{collection}/{id}"), patch);
        self.http.send(call.method(Method::PATCH).header("if-match", format!("\"{version}\""))).await
    }

    pub async fn record_delete(&self, collection: &str, id: i64) -> Answer<()> {
        self.http.send(Call::get(format!("/v1/{collection}/{id}")).method(Method::DELETE)).await
    }

    pub async fn token_create(&self, wish: &CreateToken) -> Answer<CreatedToken> {
        self.http.send(Call::post("/v1/tokens", wish)).await
    }

    pub async fn token_revoke(&self, id: i64) -> Answer<TokenInfo> {
        self.http.send(Call::post(format!("/v1/tokens/{id}/revoke"), &())).await
    }

    // --- events -----------------------------------------------------------------------------------------------------

    /// The feed from after `after`, as it grows; ends with a failure when the connection breaks: begin again after the
    /// last one seen. Without `after` it begins now.
    pub async fn events(
        &self,
        project: Option<ProjectId>,
        after: Option<EventSeq>,
    ) -> Answer<impl Stream<Item = Answer<Event>> + use<>> {
        let mut call = Call::get(match project {
            Some(project) => format!("/v1/events?project={project}"),
            None => "/v1/events".to_owned(),
        });
        if let Some(after) = after {
            call = call.header("last-event-id", after.to_string());
        }
        let response = self.http.response(&call).await?;
        let url = self.http.base().to_owned();
        let mut rest = Vec::new();
        let lines = response.bytes_stream().map(move |chunk| {
            let chunk = chunk
                .map_err(|error| Failure::Unreachable { url: url.clone(), reason: error.without_url().to_string() })?;
            rest.extend_from_slice(&chunk);
            let mut events = Vec::new();
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                if let Some(data) = line.strip_prefix(b"data:") {
                    events.push(serde_json::from_slice(data.trim_ascii()).map_err(|error| Failure::Nonsense {
                        what: "GET /v1/events".into(),
                        reason: error.to_string(),
                    })?);
                }
            }
            Ok(events)
        });
        Ok(lines.flat_map(|result: Answer<Vec<Event>>| {
            futures::stream::iter(match result {
                Ok(events) => events.into_iter().map(Ok).collect(),
                Err(failure) => vec![Err(failure)],
            })
        }))
    }

    // --- errands and orphans ----------------------------------------------------------------------------------------

    pub async fn errand_ask(&self, ask: &AskErrand) -> Answer<Errand> {
        self.http.send(Call::post("/v1/errands", ask)).await
    }

    pub async fn errands(&self, filter: &ErrandFilter) -> Answer<Page<Errand>> {
        self.http.send(Call::get(format!("/v1/errands{}", query(filter)))).await
    }

    /// With `wait`, answers when the errand has ended or the time is over, at most 60 s.
    pub async fn errand(&self, id: ErrandId, wait: Duration) -> Answer<Errand> {
        self.http.send(Call::get(format!("/v1/errands/{id}?wait={}", wait.as_secs())).wait(wait)).await
    }

    pub async fn orphans(&self, filter: &OrphanFilter) -> Answer<Page<Orphan>> {
        self.http.send(Call::get(format!("/v1/orphans{}", query(filter)))).await
    }

    pub async fn orphan(&self, id: OrphanId) -> Answer<Orphan> {
        self.http.send(Call::get(format!("/v1/orphans/{id}"))).await
    }

    // --- the fleet's side -------------------------------------------------------------------------------------------

    pub async fn feed(&self, take: &TakeFeed) -> Answer<Feed> {
        self.http.send(Call::post("/v1/fleet/feed", take).wait(Duration::from_secs(take.wait_secs.into()))).await
    }

    pub async fn sweep(&self, sweep: &Sweep) -> Answer<Swept> {
        self.http.send(Call::post("/v1/fleet/sweep", sweep)).await
    }

    pub async fn assignment(&self, task: TaskId) -> Answer<Assignment> {
        self.http.send(Call::get(format!("/v1/fleet/tasks/{task}"))).await
    }

    pub async fn claim(&self, task: TaskId, claim: &Claim) -> Answer<Claimed> {
        self.http.send(Call::post(format!("/v1/fleet/tasks/{task}/claim"), claim)).await
    }

    pub async fn progress(&self, task: TaskId, progress: &Progress) -> Answer<Renewed> {
        self.http.send(Call::post(format!("/v1/fleet/tasks/{task}/steps"), progress)).await
    }

    pub async fn wait(&self, task: TaskId, wait: &Wait) -> Answer<()> {
        self.http.send(Call::post(format!("/v1/fleet/tasks/{task}/wait"), wait)).await
    }

    pub async fn release(&self, task: TaskId, release: &Release) -> Answer<()> {
        self.http.send(Call::post(format!("/v1/fleet/tasks/{task}/release"), release)).await
    }

    pub async fn settle(&self, task: TaskId, settle: &Settle) -> Answer<()> {
        self.http.send(Call::post(format!("/v1/fleet/tasks/{task}/settle"), settle)).await
    }

    pub async fn report(&self, host: &str, report: &WorkerReport) -> Answer<model::server::Server> {
        self.http.send(Call::post(format!("/v1/fleet/servers/{host}/report"), report)).await
    }

    pub async fn errands_take(&self, take: &TakeErrands) -> Answer<TakenErrands> {
        self.http.send(Call::post("/v1/fleet/errands/take", take)).await
    }

    pub async fn errand_renew(&self, errand: ErrandId, renew: &RenewErrand) -> Answer<RenewedErrand> {
        self.http.send(Call::post(format!("/v1/fleet/errands/{errand}/renew"), renew)).await
    }

    pub async fn errand_settle(&self, errand: ErrandId, settle: &SettleErrand) -> Answer<()> {
        self.http.send(Call::post(format!("/v1/fleet/errands/{errand}/settle"), settle)).await
    }

    /// The server records that this worker token covers.
    pub async fn hosts(&self) -> Answer<Page<model::server::Server>> {
        self.http.send(Call::get("/v1/fleet/servers")).await
    }
}

fn dry(dry_run: bool) -> &'static str {
    if dry_run { "?dry_run=true" } else { "" }
}

/// The members of a filter that are set, as a query string; every value is a word, a number or a name.
fn query<F: Serialize>(filter: &F) -> String {
    let Ok(serde_json::Value::Object(members)) = serde_json::to_value(filter) else { return String::new() };
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in &members {
        match value {
            serde_json::Value::Null | serde_json::Value::Bool(false) => {}
            serde_json::Value::String(text) => {
                pairs.append_pair(name, text);
            }
            other => {
                pairs.append_pair(name, &other.to_string());
            }
        }
    }
    let pairs = pairs.finish();
    if pairs.is_empty() { pairs } else { format!("?{pairs}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_becomes_the_members_that_are_set() {
        let filter = ResourceFilter {
            state: Some(model::State::ScrubQueue),
            name: Some("a b".into()),
            limit: Some(5),
            ..Default::default()
        };
        assert_eq!(query(&filter), "?limit=5&name=a+b&state=scrub_queue");
        assert_eq!(query(&ResourceFilter::default()), "");
    }
}
