//! The task queue: RabbitMQ, or an embedded queue for a fleet in one process. Both pass one contract suite.
//!
//! Flow: `publish` returns when the message is safe; a [`Consumer`] hands it out; `ack` takes it off.
//!
//! Guarantees: a confirmed message is delivered at least once, also after a restart; what cannot be read, or is delivered
//! too often, goes to the dead letters with a reason; a consumer outlives its broker.
//!
//! Assumptions: messages are wake-ups. One that comes twice, late or never is made harmless by the claim and the sweep.

pub mod contract;
pub mod dead;
pub mod task;

mod embedded;
mod rabbitmq;
mod record;
mod topology;

pub use dead::DeadLetter;
pub use task::Message;

use errors::Fault;
use secrecy::SecretString;
use std::path::Path;
use std::sync::Arc;

/// How often a message is handed out before it is buried.
pub const DELIVERY_LIMIT: u32 = 5;

#[derive(Clone)]
pub struct Queue(Backend);

#[derive(Clone)]
enum Backend {
    Rabbit(Arc<rabbitmq::Rabbit>),
    Embedded(Arc<embedded::Embedded>),
}

impl Queue {
    /// At a broker, `amqp://user:password@host:5672/vhost`. Does not wait for it: every call reconnects by itself.
    pub async fn rabbitmq(url: SecretString) -> Result<Self, Fault> {
        Ok(Self(Backend::Rabbit(Arc::new(rabbitmq::Rabbit::new(url)?))))
    }

    /// In this process, durable in a folder.
    pub async fn embedded(folder: &Path) -> Result<Self, Fault> {
        Ok(Self(Backend::Embedded(embedded::Embedded::open(folder)?)))
    }

    /// Onto the queue of the message's host; returns when it is safe.
    pub async fn publish(&self, message: &Message, traceparent: Option<&str>) -> Result<(), Fault> {
        let outcome = match &self.0 {
            Backend::Rabbit(rabbit) => rabbit.publish(message, traceparent).await,
            Backend::Embedded(embedded) => embedded.publish(message, traceparent).await,
        };
        let word = if outcome.is_ok() { "confirmed" } else { "failed" };
        metrics::counter!("drover_queue_published_total", "outcome" => word).increment(1);
        outcome
    }

    /// The messages of a host, at most `prefetch` of them unacknowledged at once.
    pub async fn consume(&self, host: &str, prefetch: u16) -> Result<Consumer, Fault> {
        Ok(Consumer(match &self.0 {
            Backend::Rabbit(rabbit) => Source::Rabbit(Box::new(rabbit.consume(host, prefetch).await?)),
            Backend::Embedded(embedded) => Source::Embedded(embedded.consume(host, prefetch)),
        }))
    }

    /// Whether messages can be published and taken now.
    pub async fn ready(&self) -> Result<(), Fault> {
        match &self.0 {
            Backend::Rabbit(rabbit) => rabbit.ready().await,
            Backend::Embedded(_) => Ok(()),
        }
    }

    pub async fn dead_list(&self, limit: usize) -> Result<Vec<DeadLetter>, Fault> {
        match &self.0 {
            Backend::Rabbit(rabbit) => rabbit.dead_list(limit).await,
            Backend::Embedded(embedded) => Ok(embedded.dead_list(limit)),
        }
    }

    pub async fn dead_show(&self, id: &str) -> Result<DeadLetter, Fault> {
        let letters = self.dead_list(usize::MAX).await?;
        letters.into_iter().find(|letter| letter.id == id).ok_or_else(|| dead::not_found(id))
    }

    /// Back onto the queue it came from, with a fresh count of deliveries.
    pub async fn dead_redrive(&self, id: &str) -> Result<(), Fault> {
        match &self.0 {
            Backend::Rabbit(rabbit) => rabbit.dead_redrive(id).await,
            Backend::Embedded(embedded) => embedded.dead_redrive(id).await,
        }
    }

    /// Puts bytes that are no message onto a host's queue: for the contract suite.
    pub async fn publish_raw(&self, host: &str, body: &[u8]) -> Result<(), Fault> {
        match &self.0 {
            Backend::Rabbit(rabbit) => rabbit.publish_raw(host, body).await,
            Backend::Embedded(embedded) => embedded.publish_raw(host, body).await,
        }
    }
}

pub struct Consumer(Source);

enum Source {
    Rabbit(Box<rabbitmq::Subscription>),
    Embedded(embedded::Subscription),
}

impl Consumer {
    /// The next message that can be read. Waits out a broker that is away; never ends by itself.
    pub async fn next(&mut self) -> Option<Delivery> {
        let delivery = match &mut self.0 {
            Source::Rabbit(subscription) => Delivery(subscription.next().await),
            Source::Embedded(subscription) => Delivery(subscription.next().await),
        };
        metrics::counter!("drover_queue_consumed_total", "outcome" => "taken").increment(1);
        Some(delivery)
    }

    /// Whether messages would arrive now.
    pub fn is_live(&self) -> bool {
        match &self.0 {
            Source::Rabbit(subscription) => subscription.is_live(),
            Source::Embedded(_) => true,
        }
    }
}

/// A message in hand: acknowledge it, or give it back.
pub struct Delivery(Taken);

pub(crate) struct Taken {
    message: Message,
    traceparent: Option<String>,
    receipt: Receipt,
}

pub(crate) enum Receipt {
    Rabbit(Box<lapin::message::Delivery>),
    Embedded(embedded::Receipt),
}

impl Delivery {
    pub fn message(&self) -> &Message {
        &self.0.message
    }

    /// The W3C context of who published it.
    pub fn traceparent(&self) -> Option<&str> {
        self.0.traceparent.as_deref()
    }

    /// Takes it off the queue. When the broker is away it comes again, which is harmless.
    pub async fn ack(self) {
        match self.0.receipt {
            Receipt::Rabbit(delivery) => rabbitmq::ack(&delivery).await,
            Receipt::Embedded(receipt) => receipt.ack(),
        }
    }

    /// Not now: it comes again, here or elsewhere.
    pub async fn requeue(self) {
        match self.0.receipt {
            Receipt::Rabbit(delivery) => rabbitmq::requeue(&delivery).await,
            Receipt::Embedded(receipt) => receipt.requeue(),
        }
    }
}
