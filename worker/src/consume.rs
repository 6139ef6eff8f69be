//! From a host's queue to an attempt.

use crate::Worker;
use crate::slots::{DriverSlots, Slots};
use errors::Fault;
use hosts::Host;
use iaas::fleet::Wait;
use lifecycle::Work;
use queue::{Consumer, Delivery};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, info, info_span, warn};

/// The pause before a broker that refused the consumer is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// When a task whose driver is missing here is tried again: a worker may have been upgraded.
const NO_DRIVER_SECS: u32 = 30;

#[derive(Clone)]
pub(crate) struct Consume {
    pub worker: Worker,
    pub host: Arc<dyn Host>,
    pub slots: Arc<Slots>,
    pub drivers: Arc<DriverSlots>,
    pub attempts: TaskTracker,
    pub live: Arc<AtomicBool>,
    pub shutdown: CancellationToken,
}

/// A message that has been taken.
pub(crate) struct Taken {
    delivery: Delivery,
    slot: OwnedSemaphorePermit,
}

impl Taken {
    /// Takes messages as slots come free, until `stop`.
    pub async fn run(consume: Consume, prefetch: u16, stop: CancellationToken) {
        let Some(mut consumer) = subscribe(&consume, prefetch, &stop).await else { return };
        loop {
            consume.live.store(consumer.is_live(), Ordering::Relaxed);
            let Some(slot) = consume.slots.take().await else { break };
            let delivery = tokio::select! {
                () = stop.cancelled() => break,
                delivery = consumer.next() => delivery,
            };
            let Some(delivery) = delivery else { break };
            consume.live.store(true, Ordering::Relaxed);
            consume.attempts.spawn(Self { delivery, slot }.carry_out(consume.clone()));
        }
        consume.live.store(false, Ordering::Relaxed);
    }

    async fn carry_out(self, consume: Consume) {
        let message = self.delivery.message().clone();
        let (kind, verb) = (message.kind, message.verb);
        let span = info_span!(
            "process",
            otel.name = %format!("process {kind}.{verb}"),
            otel.kind = "consumer",
            messaging.operation.name = "process",
            messaging.operation.r#type = "process",
            messaging.destination.name = message.host,
            task = message.task.0,
            resource = message.resource.0,
            host = message.host,
            worker = consume.worker.name,
        );
        service::traces::continue_from(&span, self.delivery.traceparent());
        self.attempt(consume).instrument(span).await;
    }

    async fn attempt(self, consume: Consume) {
        let Self { delivery, slot: _slot } = self;
        let message = delivery.message().clone();
        let Consume { worker, host, drivers, shutdown, .. } = consume;
        let assignment = match worker.client.assignment(message.task).await {
            Ok(assignment) => assignment,
            Err(failure) => {
                // The message is only a wake-up: what is still to be done, the sweep dispatches again.
                let fault = Fault::new(&errors::driver::API_UNAVAILABLE).hole("reason", failure);
                info!(
                    code = fault.entry.code,
                    reason = fault.text(),
                    "the task cannot be read; the message is dropped"
                );
                return delivery.ack().await;
            }
        };
        let (kind, verb) = (assignment.task.kind, assignment.task.verb);
        let entry = lifecycle::driver::find(crate::drivers::ALL, kind, verb);
        let (Some(entry), Some(_driver_slot)) = (entry, drivers.take(kind).await) else {
            let fault = Fault::new(&errors::driver::DRIVER_MISSING).hole("host", host.name()).hole("kind", kind);
            let wait = Wait {
                fence: None,
                reason: fault.text(),
                resource_id: None,
                retry_secs: NO_DRIVER_SECS,
                fault: None,
                untouched: true,
                steps: Vec::new(),
                steps_total: None,
            };
            if let Err(failure) = worker.client.wait(message.task, &wait).await {
                warn!(%failure, "the wait was not taken");
            }
            return delivery.ack().await;
        };
        let work = Work {
            client: worker.client.clone(),
            locks: worker.locks.clone(),
            host,
            worker: worker.name.clone(),
            assignment,
            acknowledge: Box::pin(delivery.ack()),
            shutdown,
            notify: worker.notify.clone(),
            hook: worker.hook.clone(),
        };
        (entry.attempt)(work).await;
    }
}

async fn subscribe(consume: &Consume, prefetch: u16, stop: &CancellationToken) -> Option<Consumer> {
    loop {
        let consumer = tokio::select! {
            () = stop.cancelled() => return None,
            consumer = consume.worker.queue.consume(consume.host.name(), prefetch) => consumer,
        };
        match consumer {
            Ok(consumer) => return Some(consumer),
            Err(fault) => warn!(code = fault.entry.code, reason = fault.chain(), "cannot consume; trying again"),
        }
        tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}
