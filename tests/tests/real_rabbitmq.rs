//! A broker that is killed again and again under load: what was confirmed arrives, and consumers take up again by themselves.

use lapin::options::{BasicGetOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties};
use model::{Kind, ResourceId, TaskId, Verb};
use queue::{Message, Queue};
use secrecy::SecretString;
use service::config::{LogFormat, Telemetry};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::eventually;
use testkit::real;
use tokio_util::sync::CancellationToken;

const RESTARTS: usize = 20;
const PUBLISHERS: usize = 8;

/// Messages between two restarts.
const LOAD: usize = 1000;

/// Before the first restart. A quorum queue that is younger than about a second does not outlive a `kill -9` of the only node:
/// Ra has not yet written its name down, and it has no leader ever after (rabbitmq/rabbitmq-server#10070, #15725).
const FIRST_LOAD: usize = 30_000;

/// A broker's start on a busy machine; a limit, not a measure.
const LIMIT: Duration = Duration::from_secs(60);

type Seen = Arc<Mutex<BTreeSet<i64>>>;

fn count(seen: &Seen) -> usize {
    seen.lock().expect("no panic").len()
}

/// Publishes until it is told to stop; gives what was confirmed.
async fn publish(queue: Queue, host: String, numbers: Arc<AtomicI64>, confirmed: Seen, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let message = Message::new(TaskId(number), ResourceId(number), Kind::VmPhantom, Verb::Build, host.clone());
        // One that fails may arrive or not; nobody was promised anything.
        if queue.publish(&message, None).await.is_ok() {
            confirmed.lock().expect("no panic").insert(number);
        }
    }
}

async fn consume(queue: Queue, host: String, received: Seen) {
    let mut consumer = queue.consume(&host, 64).await.expect("the consumer subscribes");
    while let Some(delivery) = consumer.next().await {
        received.lock().expect("no panic").insert(delivery.message().task.0);
        delivery.ack().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_rabbitmq_twenty_restarts_under_load_lose_nothing() {
    // A failure shows what the queue said of each restart.
    let telemetry = Telemetry { otlp_endpoint: None, log_format: LogFormat::Text, log_level: "warn".into() };
    let _telemetry = service::start("test", &telemetry).expect("the telemetry starts");
    let broker = real::broker();
    let queue = Queue::rabbitmq(SecretString::from(broker.url.clone())).await.expect("the url is one");
    let host = format!("restarts-{}", std::process::id());
    let (confirmed, received, stop) = (Seen::default(), Seen::default(), CancellationToken::new());
    let numbers = Arc::new(AtomicI64::new(1));
    let consumer = tokio::spawn(consume(queue.clone(), host.clone(), received.clone()));
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|_| tokio::spawn(publish(queue.clone(), host.clone(), numbers.clone(), confirmed.clone(), stop.clone())))
        .collect();
    for restart in 0..=RESTARTS {
        let load = if restart == 0 { FIRST_LOAD } else { LOAD };
        let (before, taken) = (count(&confirmed), count(&received));
        eventually(LIMIT, &format!("publishing and consuming go on after {restart} restarts"), async || {
            let (now, got) = (count(&confirmed) - before, count(&received) - taken);
            if now > load && got > load { Ok(()) } else { Err(format!("{now} confirmed, {got} received since")) }
        })
        .await;
        if restart < RESTARTS {
            broker.restart();
        }
    }
    stop.cancel();
    for publisher in publishers {
        publisher.await.expect("the publisher ends well");
    }
    let promised = confirmed.lock().expect("no panic").clone();
    eventually(LIMIT, "all that was confirmed is received", async || {
        let received = received.lock().expect("no panic").clone();
        let lost: Vec<_> = promised.difference(&received).take(10).collect();
        if lost.is_empty() {
            return Ok(());
        }
        let dead = queue.dead_list(10).await;
        Err(format!("missing, among others: {lost:?}, of {:?}; dead letters: {dead:?}", promised.last()))
    })
    .await;
    println!("{} confirmed and received over {RESTARTS} restarts", promised.len());
    consumer.abort();
}

/// Beside the host's queue stands one that has room for few and refuses the rest, so that the broker refuses now this message, now
/// that one, while many publish at once. Who is told that his message is confirmed finds it in both.
#[tokio::test(flavor = "multi_thread")]
async fn real_rabbitmq_no_message_is_confirmed_for_another() {
    const ROOM: i32 = 2;
    const MESSAGES: i64 = 20_000;
    let broker = real::broker();
    let queue = Queue::rabbitmq(SecretString::from(broker.url.clone())).await.expect("the url is one");
    let host = format!("refused-{}", std::process::id());
    drop(queue.consume(&host, 1).await.expect("the exchange and the host's queue are there"));

    let connection = Connection::connect(&broker.url, ConnectionProperties::default()).await.expect("connected");
    let channel = connection.create_channel().await.expect("a channel");
    let mut small = FieldTable::default();
    small.insert("x-max-length".into(), AMQPValue::LongInt(ROOM));
    small.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let only_here = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(host.as_str().into(), only_here, small).await.expect("declared");
    let key = format!("{host}.#");
    let nothing = FieldTable::default;
    let bound = channel.queue_bind(
        host.as_str().into(),
        "drover.tasks".into(),
        key.as_str().into(),
        QueueBindOptions::default(),
        nothing(),
    );
    bound.await.expect("bound");

    let (confirmed, stop) = (Seen::default(), CancellationToken::new());
    let numbers = Arc::new(AtomicI64::new(1));
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|_| tokio::spawn(publish(queue.clone(), host.clone(), numbers.clone(), confirmed.clone(), stop.clone())))
        .collect();
    let mut arrived = BTreeSet::new();
    let taken = BasicGetOptions { no_ack: true };
    let mut is_over = false;
    loop {
        match channel.basic_get(host.as_str().into(), taken).await.expect("the queue is there") {
            Some(got) => {
                arrived.insert(Message::decode(&got.delivery.data).expect("a message").task.0);
            }
            None if is_over => break,
            None => is_over = publishers.iter().all(tokio::task::JoinHandle::is_finished),
        }
        if numbers.load(Ordering::Relaxed) > MESSAGES {
            stop.cancel();
        }
    }
    let confirmed = confirmed.lock().expect("no panic").clone();
    let lost: Vec<_> = confirmed.difference(&arrived).collect();
    assert!(lost.is_empty(), "confirmed, and refused by the broker: {lost:?} of {}", confirmed.len());
    assert!(confirmed.len() > PUBLISHERS, "{} were confirmed", confirmed.len());
}

/// What a consumer looks like that the broker has forgotten: a message is ready, and none comes.
#[tokio::test]
async fn real_rabbitmq_a_consumer_that_is_silent_while_messages_stand_is_taken_up_again() {
    let queue = Queue::rabbitmq(SecretString::from(real::broker().url)).await.expect("the url is one");
    let host = format!("silent-{}", std::process::id());
    let message = |number| Message::new(TaskId(number), ResourceId(number), Kind::VmPhantom, Verb::Build, host.clone());
    let mut consumer = queue.consume(&host, 1).await.expect("the consumer subscribes");
    queue.publish(&message(1), None).await.expect("confirmed");
    let kept = consumer.next().await.expect("the first");
    // No more than one at a time: the broker keeps this one until the first is acknowledged, which it never is.
    queue.publish(&message(2), None).await.expect("confirmed");
    let mut seen = BTreeSet::new();
    while seen.len() < 2 {
        let next = tokio::time::timeout(LIMIT, consumer.next()).await.expect("a message comes").expect("it goes on");
        seen.insert(next.message().task.0);
        next.ack().await;
    }
    assert_eq!(seen, BTreeSet::from([1, 2]));
    drop(kept);
}
