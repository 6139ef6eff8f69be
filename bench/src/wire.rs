//! The queue layer: confirmed publish, consume, ack, beside a bare lapin loop and beside Celery.

use crate::peer::{self, Celery};
use crate::row::{Goal, Row};
use anyhow::{Context, Result};
use futures::StreamExt;
use futures::stream;
use model::{Kind, ResourceId, TaskId, Verb};
use queue::{Message, Queue};
use secrecy::SecretString;
use std::time::Instant;
use testkit::real::Broker;

const MESSAGES: usize = 20_000;
const IN_FLIGHT: usize = 256;
const CELERY_TASKS: usize = 2_000;

fn message(host: &str, number: i64) -> Message {
    Message::new(TaskId(number), ResourceId(number), Kind::VmPhantom, Verb::Build, host.to_owned())
}

async fn ours(queue: &Queue, host: &str) -> Result<f64> {
    let mut consumer = queue.consume(host, IN_FLIGHT as u16).await?;
    let started = Instant::now();
    let publish = stream::iter(0..MESSAGES)
        .map(|number| async move { queue.publish(&message(host, number as i64), None).await })
        .buffer_unordered(IN_FLIGHT)
        .collect::<Vec<_>>();
    let consume = async {
        for _ in 0..MESSAGES {
            consumer.next().await.context("the consumer ended")?.ack().await;
        }
        anyhow::Ok(())
    };
    let (published, consumed) = tokio::join!(publish, consume);
    consumed?;
    let rate = MESSAGES as f64 / started.elapsed().as_secs_f64();
    for confirm in published {
        confirm?;
    }
    Ok(rate)
}

pub async fn rows(broker: &Broker, celery: &Celery, runs: usize) -> Result<Vec<Row>> {
    let queue = Queue::rabbitmq(SecretString::from(broker.url.clone())).await?;
    let (mut to_lapin, mut to_celery) = (Vec::new(), Vec::new());
    for run in 0..runs {
        let body = message("bench", 1).encode();
        let bare = peer::lapin(&broker.url, &format!("bench-lapin-{run}"), MESSAGES, IN_FLIGHT, &body).await?;
        let own = ours(&queue, &format!("bench-{run}")).await?;
        let celery = celery.noop(&broker.url, &format!("bench-celery-{run}"), CELERY_TASKS).await?;
        eprintln!("run {}: bare lapin {bare:.0}/s, drover's queue {own:.0}/s, Celery {celery:.0}/s", run + 1);
        to_lapin.push(own / bare);
        to_celery.push(own / celery);
    }
    Ok(vec![
        Row::of("queue_vs_lapin", "x", Goal::AtLeast(0.6), to_lapin),
        Row::of("queue_vs_celery", "x", Goal::AtLeast(20.0), to_celery),
    ])
}
