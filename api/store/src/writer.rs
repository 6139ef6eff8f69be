//! The one writer of a process: it takes all operations that wait into one transaction, and answers after the commit.

use crate::connect::Target;
use crate::limits::{Clock, Limits};
use crate::refusal::{Answer, Refusal};
use crate::unit::Unit;
use futures::FutureExt;
use futures::future::BoxFuture;
use model::EventSeq;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};

/// Operations in one transaction.
const MOST: usize = 64;
/// Operations that wait; more wait outside.
const WAITING: usize = 1024;
/// A transaction that takes longer has lost its database.
const PATIENCE: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(10);

pub(crate) struct Writer {
    messages: mpsc::Sender<Message>,
}

enum Message {
    Job(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// An operation with the one who waits for its answer.
trait Job: Send {
    fn run<'a>(&'a mut self, unit: &'a mut Unit) -> BoxFuture<'a, Ran>;

    /// `outage` stands for the answer when the transaction failed.
    fn answer(self: Box<Self>, outage: Option<&str>);
}

enum Ran {
    Accepted,
    Refused,
    /// The database failed: the transaction is lost.
    Broken(String),
}

struct Work<T, F> {
    operation: Option<F>,
    result: Option<Answer<T>>,
    reply: oneshot::Sender<Answer<T>>,
}

impl Writer {
    pub fn start(target: Target, limits: Arc<Limits>, clock: Clock, newest: watch::Sender<EventSeq>) -> Self {
        let (messages, inbox) = mpsc::channel(WAITING);
        tokio::spawn(Task { target, limits, clock, newest, unit: None }.run(inbox));
        Self { messages }
    }

    /// Runs an operation and waits until it is committed. It is carried out even when the caller stops waiting.
    pub async fn run<T, F>(&self, operation: F) -> Answer<T>
    where
        T: Send + 'static,
        F: for<'u> FnOnce(&'u mut Unit) -> BoxFuture<'u, Answer<T>> + Send + 'static,
    {
        let closed = || Refusal::outage("it is being closed");
        let (reply, answer) = oneshot::channel();
        let work = Work { operation: Some(operation), result: None, reply };
        self.messages.send(Message::Job(Box::new(work))).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.messages.send(Message::Close(done)).await.is_ok() {
            // An error means that it has ended before, which is as good.
            let _ = closed.await;
        }
    }
}

impl<T, F> Job for Work<T, F>
where
    T: Send + 'static,
    F: for<'u> FnOnce(&'u mut Unit) -> BoxFuture<'u, Answer<T>> + Send + 'static,
{
    fn run<'a>(&'a mut self, unit: &'a mut Unit) -> BoxFuture<'a, Ran> {
        Box::pin(async move {
            let Some(operation) = self.operation.take() else { return Ran::Refused };
            let result = AssertUnwindSafe(async { operation(unit).await }).catch_unwind().await;
            let result = result.unwrap_or_else(|_| {
                tracing::error!("an operation of the store panicked");
                Err(Refusal::unexpected("an operation of the store panicked"))
            });
            let ran = match &result {
                Ok(_) => Ran::Accepted,
                Err(refusal) if refusal.is_outage() => Ran::Broken(reason(refusal)),
                Err(_) => Ran::Refused,
            };
            self.result = Some(result);
            ran
        })
    }

    fn answer(self: Box<Self>, outage: Option<&str>) {
        let result = match (outage, self.result) {
            (None, Some(result)) => result,
            (reason, _) => Err(Refusal::outage(reason.unwrap_or("the operation was not run"))),
        };
        // The caller may have gone; the operation stands all the same.
        let _ = self.reply.send(result);
    }
}

/// What the outage said, to say it again to all who shared the transaction.
fn reason(refusal: &Refusal) -> String {
    refusal.fault.holes.first().map_or_else(String::new, |(_, reason)| reason.clone())
}

struct Task {
    target: Target,
    limits: Arc<Limits>,
    clock: Clock,
    newest: watch::Sender<EventSeq>,
    /// None before the first transaction and after a failed one.
    unit: Option<Unit>,
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        while let Some(first) = inbox.recv().await {
            let mut jobs = Vec::new();
            let mut close = None;
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Job(job) => jobs.push(job),
                    Message::Close(done) => close = Some(done),
                }
                next = if jobs.len() < MOST && close.is_none() { inbox.try_recv().ok() } else { None };
            }
            if !jobs.is_empty() {
                self.carry_out(jobs).await;
            }
            if let Some(done) = close {
                self.unit = None;
                let _ = done.send(());
                return;
            }
        }
    }

    async fn carry_out(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        let began = Instant::now();
        let result = match tokio::time::timeout(PATIENCE, self.transaction(&mut jobs)).await {
            Ok(result) => result,
            Err(_) => Err(Refusal::outage("it took too long")),
        };
        metrics::histogram!("drover_store_transaction_operations").record(jobs.len() as f64);
        metrics::histogram!("drover_store_transaction_seconds").record(began.elapsed().as_secs_f64());
        let outage = match result {
            Ok(seq) => {
                self.newest.send_if_modified(|newest| {
                    let is_newer = seq > *newest;
                    *newest = seq.max(*newest);
                    is_newer
                });
                None
            }
            Err(refusal) => {
                // The connection goes with the transaction: the next one begins on a new connection, holding nothing.
                self.unit = None;
                metrics::counter!("drover_store_outages_total").increment(1);
                Some(reason(&refusal))
            }
        };
        for job in jobs {
            job.answer(outage.as_deref());
        }
    }

    async fn transaction(&mut self, jobs: &mut [Box<dyn Job>]) -> Answer<EventSeq> {
        let unit = self.begun().await?;
        for job in jobs {
            unit.start();
            match job.run(unit).await {
                Ran::Accepted => {}
                Ran::Refused => unit.undo(),
                Ran::Broken(reason) => return Err(Refusal::outage(reason)),
            }
        }
        unit.start();
        unit.commit().await
    }

    /// A transaction that has begun; on a new connection when the old one turns out to be lost.
    async fn begun(&mut self) -> Answer<&mut Unit> {
        let held = match self.unit.take() {
            Some(mut unit) => unit.begin().await.is_ok().then_some(unit),
            None => None,
        };
        let unit = match held {
            Some(unit) => unit,
            None => {
                let connecting = tokio::time::timeout(CONNECT, self.target.connect());
                let connection = connecting.await.map_err(|_| Refusal::outage("it could not be reached in time"))??;
                let mut unit = Unit::new(connection, Arc::clone(&self.limits), Arc::clone(&self.clock));
                unit.begin().await?;
                unit
            }
        };
        Ok(self.unit.insert(unit))
    }
}
