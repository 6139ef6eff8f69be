//! From the feed to the queues.

use crate::Dispatcher;
use errors::Fault;
use iaas::fleet::TakeFeed;
use model::event::Event;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info_span, warn};

/// Tasks taken at once, and messages in flight to the broker: enough to hide its confirm, few enough to lose little.
const BATCH: u32 = 256;

const WAIT_SECS: u32 = 20;

/// The pause when the API does not answer.
const PAUSE: Duration = Duration::from_millis(500);

pub(crate) async fn follow(dispatcher: &Dispatcher, shutdown: &CancellationToken) {
    let take = TakeFeed { limit: BATCH, wait_secs: WAIT_SECS };
    loop {
        let feed = tokio::select! {
            () = shutdown.cancelled() => return,
            feed = dispatcher.client.feed(&take) => feed,
        };
        match feed {
            Ok(feed) => {
                // What was taken is published even when shutdown comes meanwhile: it is handed out once.
                futures::future::join_all(feed.events.into_iter().map(|event| dispatch(dispatcher, event))).await;
            }
            Err(failure) => {
                warn!(%failure, "the feed cannot be read; trying again");
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
}

/// Calls the verb's `dispatch`. What fails here is dispatched again by the sweep.
async fn dispatch(dispatcher: &Dispatcher, event: Event) {
    let Some(verb) = event.verb else { return };
    let span = info_span!(
        "dispatch",
        otel.name = %format!("dispatch {}.{verb}", event.kind),
        task = event.task_id.map(|task| task.0),
        resource = event.resource_id.0,
        host = event.host,
    );
    service::traces::continue_from(&span, event.traceparent.as_deref());
    async {
        let result = match lifecycle::driver::find(dispatcher.drivers, event.kind, verb) {
            Some(entry) => (entry.dispatch)(&dispatcher.outbox, &event).await,
            None => Err(Fault::new(&errors::driver::DRIVER_MISSING).hole("host", &event.host).hole("kind", event.kind)),
        };
        let outcome = if result.is_ok() { "ok" } else { "failed" };
        metrics::counter!("drover_dispatched_total", "kind" => event.kind.word(), "verb" => verb.word(), "outcome" => outcome).increment(1);
        if let Err(fault) = result {
            warn!(code = fault.entry.code, reason = fault.chain(), "not dispatched; the sweep will do it again");
        }
    }
    .instrument(span)
    .await;
}
