//! The peers: a bare lapin loop, and Celery.

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use futures::stream;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Confirmed publish, consume and ack of so many messages on a quorum queue, nothing else: messages a second.
pub async fn lapin(url: &str, queue: &str, count: usize, in_flight: usize, body: &[u8]) -> Result<f64> {
    let connect = || Connection::connect(url, ConnectionProperties::default());
    let (publishing, consuming) = (connect().await?, connect().await?);
    let (publisher, consumer) = (publishing.create_channel().await?, consuming.create_channel().await?);
    publisher.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    publisher.queue_declare(queue.into(), durable, arguments).await?;
    consumer.basic_qos(in_flight as u16, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    let mut deliveries = consumer.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await?;

    let started = Instant::now();
    let publish = stream::iter(0..count)
        .map(|_| async {
            let properties = BasicProperties::default().with_delivery_mode(2);
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            publisher.basic_publish("".into(), queue.into(), options, body, properties).await?.await
        })
        .buffer_unordered(in_flight)
        .collect::<Vec<_>>();
    let consume = async {
        for _ in 0..count {
            let delivery = deliveries.next().await.context("the consumer ended")??;
            delivery.ack(BasicAckOptions::default()).await?;
        }
        anyhow::Ok(())
    };
    let (published, consumed) = tokio::join!(publish, consume);
    consumed?;
    let rate = count as f64 / started.elapsed().as_secs_f64();
    for confirm in published {
        confirm?;
    }
    publisher.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
    publishing.close(200, "done".into()).await?;
    consuming.close(200, "done".into()).await?;
    Ok(rate)
}

/// Celery's tasks a second, from the first publish until the last has run.
pub struct Celery {
    pub python: PathBuf,
}

impl Celery {
    pub async fn noop(&self, url: &str, queue: &str, count: usize) -> Result<f64> {
        let marks = tempfile::NamedTempFile::new()?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("celery/noop.py");
        let mut command = Command::new(&self.python);
        command.arg(&script).arg(count.to_string());
        command.env("BENCH_URL", url).env("BENCH_QUEUE", queue).env("BENCH_MARKS", marks.path());
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        // In the background of this runtime: its own connections go on.
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        if !output.status.success() {
            bail!("Celery: {}", String::from_utf8_lossy(&output.stderr));
        }
        let secs: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().context("Celery's seconds")?;
        Ok(count as f64 / secs)
    }
}
