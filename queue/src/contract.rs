//! What every queue keeps to, as one suite: run on the embedded queue by this crate's own tests, and on a real broker by the
//! book of tests. Each check panics with what it saw.

use crate::{Consumer, DELIVERY_LIMIT, Delivery, Message, Queue};
use futures::future::join_all;
use model::{Kind, ResourceId, TaskId, Verb};
use std::collections::BTreeSet;
use std::time::Duration;

/// A limit, not a measure.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs the whole suite; `prefix` keeps the hosts' names apart from those of other runs.
pub async fn keeps(queue: &Queue, prefix: &str) {
    let host = |name: &str| format!("{prefix}-{name}");
    in_order_and_gone_when_acknowledged(queue, &host("order")).await;
    comes_back_until_acknowledged(queue, &host("back")).await;
    hosts_are_apart(queue, &host("a"), &host("b")).await;
    a_thousand_are_confirmed(queue, &host("many")).await;
    what_cannot_be_read_is_buried(queue, &host("broken")).await;
    what_is_never_taken_is_buried(queue, &host("limit")).await;
}

fn message(host: &str, task: i64) -> Message {
    Message::new(TaskId(task), ResourceId(task), Kind::VmPhantom, Verb::Build, host.to_owned())
}

async fn publish(queue: &Queue, host: &str, task: i64) {
    queue.publish(&message(host, task), None).await.expect("the publish is confirmed");
}

async fn next(consumer: &mut Consumer) -> Delivery {
    tokio::time::timeout(LIMIT, consumer.next()).await.expect("a message comes").expect("the consumer goes on")
}

async fn consume(queue: &Queue, host: &str) -> Consumer {
    queue.consume(host, 16).await.expect("the consumer subscribes")
}

async fn in_order_and_gone_when_acknowledged(queue: &Queue, host: &str) {
    let context = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    queue.publish(&message(host, 1), Some(context)).await.expect("confirmed");
    publish(queue, host, 2).await;
    let mut consumer = consume(queue, host).await;
    let first = next(&mut consumer).await;
    assert_eq!((first.message().task, first.traceparent()), (TaskId(1), Some(context)));
    first.ack().await;
    let second = next(&mut consumer).await;
    assert_eq!(second.message(), &message(host, 2));
    second.ack().await;
    publish(queue, host, 3).await;
    let third = next(&mut consumer).await;
    assert_eq!(third.message().task, TaskId(3), "what was acknowledged came again");
    third.ack().await;
}

async fn comes_back_until_acknowledged(queue: &Queue, host: &str) {
    publish(queue, host, 1).await;
    let mut first = consume(queue, host).await;
    let delivery = next(&mut first).await;
    delivery.requeue().await;
    let delivery = next(&mut first).await;
    drop(delivery);
    drop(first);
    // A broker gives back what a consumer held when its channel closes.
    let mut second = consume(queue, host).await;
    let delivery = next(&mut second).await;
    assert_eq!(delivery.message().task, TaskId(1));
    delivery.ack().await;
}

async fn hosts_are_apart(queue: &Queue, a: &str, b: &str) {
    let (mut at_a, mut at_b) = (consume(queue, a).await, consume(queue, b).await);
    publish(queue, b, 2).await;
    publish(queue, a, 1).await;
    let (first, second) = (next(&mut at_a).await, next(&mut at_b).await);
    assert_eq!((first.message().task, second.message().task), (TaskId(1), TaskId(2)));
    first.ack().await;
    second.ack().await;
}

async fn a_thousand_are_confirmed(queue: &Queue, host: &str) {
    let all = join_all((0..1000).map(|task| async move { queue.publish(&message(host, task), None).await })).await;
    assert!(all.iter().all(Result::is_ok), "{:?}", all.iter().find(|result| result.is_err()));
    let mut consumer = consume(queue, host).await;
    let mut seen = BTreeSet::new();
    while seen.len() < 1000 {
        let delivery = next(&mut consumer).await;
        seen.insert(delivery.message().task);
        delivery.ack().await;
    }
}

async fn what_cannot_be_read_is_buried(queue: &Queue, host: &str) {
    let mut consumer = consume(queue, host).await;
    queue.publish_raw(host, b"no message").await.expect("confirmed");
    queue.publish_raw(host, br#"{"version":99}"#).await.expect("confirmed");
    publish(queue, host, 7).await;
    let delivery = next(&mut consumer).await;
    assert_eq!(delivery.message().task, TaskId(7), "what cannot be read stood in the way");
    delivery.ack().await;
    let letters = queue.dead_list(100).await.expect("the dead letters");
    let own: Vec<_> = letters.iter().filter(|letter| letter.host == host).collect();
    let codes: BTreeSet<&str> = own.iter().filter_map(|letter| letter.reason.split(':').next()).collect();
    assert_eq!(codes, BTreeSet::from(["queue_consume_001", "queue_consume_002"]), "{own:?}");
    let broken = own.iter().find(|letter| letter.body == "no message").expect("its body is shown");
    assert_eq!(queue.dead_show(&broken.id).await.expect("it is shown"), **broken);
    queue.dead_redrive(&broken.id).await.expect("it is redriven");
    publish(queue, host, 8).await;
    let delivery = next(&mut consumer).await;
    assert_eq!(delivery.message().task, TaskId(8));
    delivery.ack().await;
    let unknown = queue.dead_show("nothing").await.expect_err("an unknown id is refused");
    assert_eq!(unknown.entry.code, "queue_dead_001");
}

async fn what_is_never_taken_is_buried(queue: &Queue, host: &str) {
    publish(queue, host, 1).await;
    let mut consumer = consume(queue, host).await;
    for _ in 0..=DELIVERY_LIMIT {
        next(&mut consumer).await.requeue().await;
    }
    publish(queue, host, 2).await;
    let delivery = next(&mut consumer).await;
    assert_eq!(delivery.message().task, TaskId(2), "the first one goes on for ever");
    delivery.ack().await;
    let until = tokio::time::Instant::now() + LIMIT;
    loop {
        let letters = queue.dead_list(1000).await.expect("the dead letters");
        if letters.iter().any(|letter| letter.host == host && letter.reason.starts_with("queue_consume_003")) {
            return;
        }
        assert!(tokio::time::Instant::now() < until, "it is not among the dead letters: {letters:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_embedded_queue_keeps_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        keeps(&Queue::embedded(folder.path()).await.unwrap(), "host").await;
    }

    #[tokio::test]
    async fn a_confirmed_message_is_there_after_a_restart_and_an_acknowledged_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        {
            let queue = Queue::embedded(folder.path()).await.unwrap();
            publish(&queue, "h", 1).await;
            let mut consumer = consume(&queue, "h").await;
            next(&mut consumer).await.ack().await;
            // Written after the acknowledgement, so that is on the disk too.
            publish(&queue, "h", 2).await;
        }
        let queue = Queue::embedded(folder.path()).await.unwrap();
        let mut consumer = consume(&queue, "h").await;
        assert_eq!(next(&mut consumer).await.message().task, TaskId(2));
    }

    #[tokio::test]
    async fn a_torn_tail_is_set_aside_and_what_stood_before_it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        {
            let queue = Queue::embedded(folder.path()).await.unwrap();
            publish(&queue, "h", 1).await;
            publish(&queue, "h", 2).await;
        }
        let path = folder.path().join("queue.log");
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        let queue = Queue::embedded(folder.path()).await.unwrap();
        assert!(folder.path().join("queue.damaged").exists());
        publish(&queue, "h", 3).await;
        let mut consumer = consume(&queue, "h").await;
        assert_eq!(next(&mut consumer).await.message().task, TaskId(1));
        // The first is still in hand: the next one is what was published after the repair.
        let mut consumer = consume(&queue, "h").await;
        let mut tasks =
            [next(&mut consumer).await, next(&mut consumer).await].iter().map(|d| d.message().task).collect::<Vec<_>>();
        tasks.sort();
        assert_eq!(tasks, [TaskId(1), TaskId(3)]);
    }
}
