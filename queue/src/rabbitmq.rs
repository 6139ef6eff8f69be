//! RabbitMQ: confirmed, mandatory publishing; consumers that reconnect and declare everything again by themselves.

use crate::dead::{self, DeadLetter};
use crate::task::Message;
use crate::topology;
use crate::{Receipt, Taken};
use errors::Fault;
use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use model::trace::{self, TRACEPARENT};
use rand::RngExt;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tracing::{Instrument, info_span, warn};

/// How long a publish is tried before the sweep is left to do it.
const PUBLISH_LIMIT: Duration = Duration::from_secs(10);

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A broker that accepts a connection and then says nothing is given up after this.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long a consumer may be silent before the broker is asked whether it should be, and how long it then still may.
const SILENCE: Duration = Duration::from_secs(15);
const GRACE: Duration = Duration::from_secs(2);

/// Who put the reason there: a header of a buried message.
const REASON: &str = "x-drover-reason";

/// Messages that may wait for their confirms at once, each on a channel.
const CHANNELS: usize = 64;

/// One connection for publishing and one for consuming, so that a broker that throttles publishers does not hold up acks.
pub(crate) struct Rabbit {
    publisher: Publisher,
    consuming: Link,
}

/// One message at a time on a channel. lapin numbers a publish before its frames stand in line, so that of two at once each may
/// be told the other's confirm; and one that was returned it tells to any of those that one acknowledgement covers.
struct Publisher {
    link: Link,
    idle: std::sync::Mutex<Vec<Channel>>,
    places: Semaphore,
}

/// A connection that is made again when it is gone.
struct Link {
    url: SecretString,
    open: Mutex<Option<Connection>>,
}

impl Rabbit {
    pub fn new(url: SecretString) -> Result<Self, Fault> {
        let link = || Link { url: tuned(url.expose_secret()).into(), open: Mutex::new(None) };
        let publisher = Publisher { link: link(), idle: Default::default(), places: Semaphore::new(CHANNELS) };
        Ok(Self { publisher, consuming: link() })
    }

    pub async fn publish(&self, message: &Message, traceparent: Option<&str>) -> Result<(), Fault> {
        let key = format!("{}.{}.{}", message.host, message.kind, message.verb);
        let span = info_span!(
            "publish",
            otel.name = %format!("publish {}.{}", message.kind, message.verb),
            otel.kind = "producer",
            messaging.system = "rabbitmq",
            messaging.operation.name = "publish",
            messaging.operation.r#type = "send",
            messaging.destination.name = topology::TASKS,
            messaging.rabbitmq.destination.routing_key = key,
        );
        let own = trace::traceparent(&span);
        let mut headers = FieldTable::default();
        if let Some(context) = own.as_deref().or(traceparent) {
            headers.insert(TRACEPARENT.into(), AMQPValue::LongString(context.into()));
        }
        self.deliver(&message.host, &key, &message.encode(), headers).instrument(span).await
    }

    pub async fn publish_raw(&self, host: &str, body: &[u8]) -> Result<(), Fault> {
        self.deliver(host, &format!("{host}.raw"), body, FieldTable::default()).await
    }

    /// Until the broker has confirmed it, or the limit has passed. Without a queue the host's is declared.
    async fn deliver(&self, host: &str, key: &str, body: &[u8], headers: FieldTable) -> Result<(), Fault> {
        let until = Instant::now() + PUBLISH_LIMIT;
        let mut pause = FIRST_PAUSE;
        loop {
            let left = until.saturating_duration_since(Instant::now()).max(FIRST_PAUSE);
            let fault = match tokio::time::timeout(left, self.attempt(host, key, body, headers.clone())).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(fault)) => fault,
                Err(_) => unavailable("no confirm came"),
            };
            if Instant::now() >= until {
                return Err(fault);
            }
            rest(&mut pause).await;
        }
    }

    async fn attempt(&self, host: &str, key: &str, body: &[u8], headers: FieldTable) -> Result<(), Fault> {
        let lent = self.publisher.lend().await?;
        let result = match lent.send(topology::TASKS, key, body, headers).await? {
            Outcome::Routed => Ok(()),
            Outcome::Refused => Err(refused()),
            Outcome::Unrouted => {
                answered(topology::declare_host(&lent.channel, host)).await.map_err(unavailable)?;
                Err(Fault::new(&errors::queue::UNROUTABLE).hole("host", host))
            }
        };
        lent.back();
        result
    }

    pub async fn consume(self: &std::sync::Arc<Self>, host: &str, prefetch: u16) -> Result<Subscription, Fault> {
        let mut subscription =
            Subscription { rabbit: self.clone(), host: host.to_owned(), prefetch, open: None, is_suspect: false };
        let opened = tokio::time::timeout(CONNECT_LIMIT, subscription.open()).await;
        opened.unwrap_or_else(|_| Err(unavailable("it does not answer")))?;
        Ok(subscription)
    }

    pub async fn ready(&self) -> Result<(), Fault> {
        self.publisher.lend().await.map(Lent::back)
    }

    /// Takes up to `limit` dead letters, and gives them back by closing the channel.
    pub async fn dead_list(&self, limit: usize) -> Result<Vec<DeadLetter>, Fault> {
        let channel = self.consuming.channel().await?;
        let mut letters = Vec::new();
        while letters.len() < limit {
            match answered(channel.basic_get(topology::DEAD.into(), BasicGetOptions::default()))
                .await
                .map_err(unavailable)?
            {
                Some(got) => letters.push(letter(&got.delivery)),
                None => break,
            }
        }
        close(&channel).await;
        Ok(letters)
    }

    pub async fn dead_redrive(&self, id: &str) -> Result<(), Fault> {
        let channel = self.consuming.channel().await?;
        let result = self.redrive_on(&channel, id).await;
        close(&channel).await;
        result
    }

    async fn redrive_on(&self, channel: &Channel, id: &str) -> Result<(), Fault> {
        loop {
            let got = answered(channel.basic_get(topology::DEAD.into(), BasicGetOptions::default()));
            let got = got.await.map_err(unavailable)?;
            let Some(got) = got else { return Err(dead::not_found(id)) };
            let found = letter(&got.delivery);
            if found.id != id {
                continue;
            }
            let mut headers = FieldTable::default();
            if let Some(context) = header(&got.delivery.properties, TRACEPARENT) {
                headers.insert(TRACEPARENT.into(), AMQPValue::LongString(context.into()));
            }
            let key = format!("{}.redriven", found.host);
            self.deliver(&found.host, &key, &got.delivery.data, headers).await?;
            return answered(got.delivery.acker.ack(BasicAckOptions::default())).await.map(drop).map_err(unavailable);
        }
    }

    /// A copy with the reason among the dead letters, then the original off its queue.
    async fn bury(&self, delivery: &Delivery, host: &str, fault: &Fault) {
        warn!(code = fault.entry.code, reason = fault.text(), host, "a message was buried");
        metrics::counter!("drover_queue_consumed_total", "outcome" => "buried").increment(1);
        let mut headers = FieldTable::default();
        headers.insert(REASON.into(), AMQPValue::LongString(dead::reason(fault).into()));
        let key = format!("{host}.buried");
        let sent = async {
            let lent = self.publisher.lend().await?;
            match lent.send(topology::DEAD, &key, &delivery.data, headers).await? {
                Outcome::Routed => lent.back(),
                Outcome::Refused => return Err(refused()),
                Outcome::Unrouted => return Err(unavailable("no queue takes dead letters")),
            }
            Ok(())
        };
        match sent.await {
            Ok(()) => ack(delivery).await,
            Err(fault) => {
                warn!(reason = fault.chain(), "it could not be buried now; it comes again");
                requeue(delivery).await;
            }
        }
    }
}

impl Publisher {
    async fn lend(&self) -> Result<Lent<'_>, Fault> {
        let place = self.places.acquire().await.map_err(unavailable)?;
        if self.link.is_blocked().await {
            return Err(blocked());
        }
        while let Some(channel) = self.take() {
            if channel.status().connected() {
                return Ok(Lent { publisher: self, channel, _place: place });
            }
        }
        let channel = self.link.channel().await?;
        answered(channel.confirm_select(ConfirmSelectOptions::default())).await.map_err(unavailable)?;
        Ok(Lent { publisher: self, channel, _place: place })
    }

    fn take(&self) -> Option<Channel> {
        self.idle.lock().expect("no panic").pop()
    }
}

/// A channel for one message. It is given back when all that it was asked has been answered: what is told late would be taken
/// for the next one's.
struct Lent<'a> {
    publisher: &'a Publisher,
    channel: Channel,
    _place: SemaphorePermit<'a>,
}

/// What the broker said of a message.
enum Outcome {
    Routed,
    Unrouted,
    Refused,
}

impl Lent<'_> {
    async fn send(&self, exchange: &str, key: &str, body: &[u8], headers: FieldTable) -> Result<Outcome, Fault> {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_content_type("application/json".into())
            .with_message_id(uuid::Uuid::now_v7().to_string().into())
            .with_headers(headers);
        let confirm = answered(self.channel.basic_publish(exchange.into(), key.into(), options, body, properties))
            .await
            .map_err(unavailable)?;
        match answered(confirm).await.map_err(unavailable)? {
            Confirmation::Ack(None) => Ok(Outcome::Routed),
            Confirmation::Ack(Some(_)) => Ok(Outcome::Unrouted),
            Confirmation::Nack(_) => Ok(Outcome::Refused),
            Confirmation::NotRequested => Err(unavailable("the channel is not in confirm mode")),
        }
    }

    fn back(self) {
        self.publisher.idle.lock().expect("no panic").push(self.channel);
    }
}

impl Link {
    /// A channel of its own, on which all that drover's share is declared, as somebody may have taken it away.
    async fn channel(&self) -> Result<Channel, Fault> {
        let mut open = self.open.lock().await;
        let connection = match open.as_ref().filter(|connection| connection.status().connected()) {
            Some(connection) => connection,
            None => open.insert(answered(self.connect()).await.map_err(unavailable)?),
        };
        if connection.status().blocked() {
            return Err(blocked());
        }
        let declared = async {
            let channel = connection.create_channel().await?;
            topology::declare(&channel).await?;
            Ok(channel)
        };
        let channel = answered(declared).await;
        if channel.is_err() {
            // The next one is on another connection.
            *open = None;
        }
        channel.map_err(unavailable)
    }

    /// A broker that is short of memory or disk reads no more from who publishes. It says when that is over; until then neither
    /// a message nor the end of a channel gets through, and another connection would fare no better.
    async fn is_blocked(&self) -> bool {
        self.open.lock().await.as_ref().is_some_and(|connection| connection.status().blocked())
    }

    async fn connect(&self) -> lapin::Result<Connection> {
        metrics::counter!("drover_queue_reconnects_total").increment(1);
        let properties = ConnectionProperties::default().with_connection_name("drover".into());
        Connection::connect(self.url.expose_secret(), properties).await
    }
}

/// A host's messages, taken up again whenever the broker comes back.
pub(crate) struct Subscription {
    rabbit: std::sync::Arc<Rabbit>,
    host: String,
    prefetch: u16,
    open: Option<(Channel, lapin::Consumer)>,
    /// It was silent, and there were messages.
    is_suspect: bool,
}

impl Subscription {
    async fn open(&mut self) -> Result<(), Fault> {
        let channel = self.rabbit.consuming.channel().await?;
        let consumer = async {
            channel.basic_qos(self.prefetch, BasicQosOptions::default()).await?;
            topology::declare_host(&channel, &self.host).await?;
            let (queue, tag) = (topology::queue(&self.host), String::new());
            channel.basic_consume(queue.into(), tag.into(), BasicConsumeOptions::default(), FieldTable::default()).await
        }
        .await
        .map_err(unavailable)?;
        self.open = Some((channel, consumer));
        Ok(())
    }

    pub fn is_live(&self) -> bool {
        self.open.as_ref().is_some_and(|(channel, _)| channel.status().connected())
    }

    pub async fn next(&mut self) -> Taken {
        let mut pause = FIRST_PAUSE;
        loop {
            let Some((_, consumer)) = &mut self.open else {
                match tokio::time::timeout(CONNECT_LIMIT, self.open()).await {
                    Ok(Ok(())) => pause = FIRST_PAUSE,
                    Ok(Err(fault)) => {
                        warn!(host = self.host, reason = fault.chain(), "the broker is away; trying again");
                        rest(&mut pause).await;
                    }
                    Err(_) => {
                        warn!(host = self.host, "the broker does not answer; trying again");
                        rest(&mut pause).await;
                    }
                }
                continue;
            };
            let patience = if self.is_suspect { GRACE } else { SILENCE };
            match tokio::time::timeout(patience, consumer.next()).await {
                Ok(Some(Ok(delivery))) => {
                    self.is_suspect = false;
                    match Message::decode(&delivery.data) {
                        Ok(message) => {
                            let traceparent = header(&delivery.properties, TRACEPARENT);
                            return Taken { message, traceparent, receipt: Receipt::Rabbit(Box::new(delivery)) };
                        }
                        Err(fault) => self.rabbit.bury(&delivery, &self.host, &fault).await,
                    }
                }
                Ok(Some(Err(error))) => {
                    warn!(host = self.host, %error, "the consumer was lost; subscribing again");
                    self.open = None;
                }
                Ok(None) => self.open = None,
                Err(_) => self.doubt().await,
            }
        }
    }

    /// A consumer that gets nothing while messages stand in its queue is of no use, whoever has forgotten it: it subscribes
    /// again. Who waits here has room for a message.
    async fn doubt(&mut self) {
        if self.is_suspect || !self.is_live() {
            warn!(host = self.host, "messages stand in the queue and none comes; subscribing again");
            metrics::counter!("drover_queue_stalls_total").increment(1);
            self.open = None;
        }
        self.is_suspect = match &self.open {
            Some((channel, _)) => stands(channel, &self.host).await,
            None => false,
        };
    }
}

/// Whether messages are ready in the host's queue; a broker that does not say is doubted too.
async fn stands(channel: &Channel, host: &str) -> bool {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let asked = channel.queue_declare(topology::queue(host).into(), passive, FieldTable::default());
    answered(asked).await.map_or(true, |queue| queue.message_count() > 0)
}

pub(crate) async fn ack(delivery: &Delivery) {
    if let Err(reason) = answered(delivery.ack(BasicAckOptions::default())).await {
        warn!(reason, "an acknowledgement was lost; the message comes again");
    }
}

pub(crate) async fn requeue(delivery: &Delivery) {
    let options = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
    if let Err(reason) = answered(delivery.nack(options)).await {
        warn!(reason, "a message could not be given back; it comes again by itself");
    }
}

/// What lapin is asked for just as its connection breaks is sometimes never answered: nothing is waited for without an end.
async fn answered<T>(asked: impl Future<Output = lapin::Result<T>>) -> Result<T, String> {
    match tokio::time::timeout(CONNECT_LIMIT, asked).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("no answer came".to_owned()),
    }
}

async fn close(channel: &Channel) {
    if let Err(reason) = answered(channel.close(200, "done".into())).await {
        warn!(reason, "a channel did not close");
    }
}

/// With jitter, so that a fleet does not come back in one moment.
async fn rest(pause: &mut Duration) {
    let jitter = rand::rng().random_range(0.5..1.0);
    tokio::time::sleep(pause.mul_f64(jitter)).await;
    *pause = (*pause * 2).min(LONGEST_PAUSE);
}

fn blocked() -> Fault {
    unavailable("it takes no messages for now, short of memory or disk")
}

fn refused() -> Fault {
    unavailable("the broker refused the message")
}

/// The broker's words hold no URL: lapin's errors name what happened, not where.
fn unavailable(reason: impl ToString) -> Fault {
    Fault::new(&errors::queue::BROKER_UNAVAILABLE).hole("reason", reason.to_string())
}

/// What the connection is tuned to, unless the URL says it: a broker that is gone is missed soon, and frames are small, as
/// lapin keeps room for 64 of the largest of every connection (8 MB by default) and a message is a few hundred bytes.
const TUNED: [(&str, &str); 2] = [("heartbeat", "10"), ("frame_max", "16384")];

fn tuned(url: &str) -> String {
    let mut url = url.to_owned();
    for (name, value) in TUNED {
        if !url.contains(&format!("{name}=")) {
            let sign = if url.contains('?') { '&' } else { '?' };
            url.push_str(&format!("{sign}{name}={value}"));
        }
    }
    url
}

fn header(properties: &BasicProperties, name: &str) -> Option<String> {
    match properties.headers().as_ref()?.inner().get(&ShortString::from(name))? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        _ => None,
    }
}

/// A dead letter with drover's reason, or the broker's own when a queue buried it.
fn letter(delivery: &Delivery) -> DeadLetter {
    let reason = header(&delivery.properties, REASON)
        .unwrap_or_else(|| dead::reason(&dead::over_the_limit(crate::DELIVERY_LIMIT)));
    let id = delivery.properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default();
    let host = delivery.routing_key.as_str().split('.').next().unwrap_or_default().to_owned();
    DeadLetter { id, host, reason, body: String::from_utf8_lossy(&delivery.data).into_owned() }
}
