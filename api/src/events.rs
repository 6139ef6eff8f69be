//! `/v1/events`: the feed as server-sent events.

use crate::auth::Caller;
use crate::body::Params;
use crate::problem::Answer;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event as Sent, KeepAlive};
use errors::Fault;
use futures::Stream;
use futures::stream::unfold;
use iaas::Problem;
use iaas::tenant::Role;
use model::event::Event;
use model::{EventSeq, ProjectId};
use serde::Deserialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use store::Store;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Events read at once.
const PAGE: u32 = 500;

/// How long a quiet fleet is waited for before the store is asked again.
const QUIET: Duration = Duration::from_secs(15);

pub fn routes() -> OpenApiRouter<Store> {
    OpenApiRouter::new().routes(routes!(follow))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    after: Option<EventSeq>,
    project: Option<ProjectId>,
}

/// Follow every change; the id of each event is its place, `Last-Event-ID` goes on after it
#[utoipa::path(get, path = "/v1/events", operation_id = "events", tag = "events",
    params(("after" = Option<i64>, Query), ("project" = Option<i64>, Query), ("Last-Event-ID" = Option<i64>, Header)),
    responses((status = 200, content_type = "text/event-stream", body = Event), (status = "default", body = Problem)))]
async fn follow(
    State(store): State<Store>,
    Caller(who): Caller,
    Params(from): Params<From>,
    headers: HeaderMap,
) -> Answer<Sse<impl Stream<Item = Result<Sent, Infallible>>>> {
    let project = match who.role {
        Role::Tenant => who.project_id,
        Role::Operator | Role::Dispatcher | Role::Worker => from.project,
    };
    if let (Role::Tenant, Some(asked)) = (who.role, from.project)
        && who.project_id != Some(asked)
    {
        return Err(Fault::new(&errors::iaas::NOT_YOURS).hole("what", "project").hole("id", asked).into());
    }
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let at = match last.or(from.after) {
        Some(after) => after,
        None => store.last_seq().await?,
    };
    Ok(Sse::new(unfold(Reader { store, project, at, ready: VecDeque::new() }, Reader::next))
        .keep_alive(KeepAlive::new().interval(QUIET)))
}

struct Reader {
    store: Store,
    project: Option<ProjectId>,
    at: EventSeq,
    ready: VecDeque<Event>,
}

impl Reader {
    /// Ends when the store does not answer: the client takes it up again after the last event that it saw.
    async fn next(mut self) -> Option<(Result<Sent, Infallible>, Self)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                let data = serde_json::to_string(&event).ok()?;
                let sent = Sent::default().id(event.seq.to_string()).event(event.event.word()).data(data);
                return Some((Ok(sent), self));
            }
            let newest = self.store.last_seq().await.ok()?;
            let events = self.store.events_after(self.at, PAGE, self.project).await.ok()?;
            match events.last() {
                Some(last) => self.at = last.seq,
                None => {
                    // Nothing of this project up to here.
                    self.at = self.at.max(newest);
                    self.store.changed(self.at, QUIET).await;
                }
            }
            self.ready = events.into();
        }
    }
}
