//! What is declared at the broker: one topic exchange, one quorum queue a host, one queue of dead letters.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

pub const TASKS: &str = "drover.tasks";
pub const DEAD: &str = "drover.dead";

/// The queue of a host.
pub fn queue(host: &str) -> String {
    format!("drover.host.{host}")
}

/// The exchanges and the dead letters; declaring them again changes nothing.
pub async fn declare(channel: &Channel) -> lapin::Result<()> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(TASKS.into(), ExchangeKind::Topic, durable, FieldTable::default()).await?;
    channel.exchange_declare(DEAD.into(), ExchangeKind::Fanout, durable, FieldTable::default()).await?;
    // Classic, not quorum: it is listed by taking and giving back, and a quorum queue of RabbitMQ 4 drops what is given
    // back twenty times.
    channel.queue_declare(DEAD.into(), durable_queue(), FieldTable::default()).await?;
    channel.queue_bind(DEAD.into(), DEAD.into(), "".into(), QueueBindOptions::default(), FieldTable::default()).await
}

/// A host's queue, bound for its messages.
pub async fn declare_host(channel: &Channel, host: &str) -> lapin::Result<()> {
    let mut arguments = FieldTable::default();
    let text = |text: &str| AMQPValue::LongString(text.into());
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(crate::DELIVERY_LIMIT as i32));
    arguments.insert("x-dead-letter-exchange".into(), text(DEAD));
    // A dead letter is kept here until the dead letters' queue has confirmed it.
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    channel.queue_declare(queue(host).into(), durable_queue(), arguments).await?;
    let key = format!("{host}.#");
    channel
        .queue_bind(queue(host).into(), TASKS.into(), key.into(), QueueBindOptions::default(), FieldTable::default())
        .await
}

fn durable_queue() -> QueueDeclareOptions {
    QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() }
}
