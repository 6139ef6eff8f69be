//! The embedded queue: state in memory, every change in the log. A writer thread owns the log, so that no task waits for a
//! disk.

use crate::dead::{self, DeadLetter};
use crate::record::Record;
use crate::task::Message;
use crate::{DELIVERY_LIMIT, Receipt as AnyReceipt, Taken};
use errors::Fault;
use journal::{Journal, Opened};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};
use tracing::{error, warn};

/// A log longer than this is written anew once most of it is of messages that are gone.
const COMPACT_BYTES: u64 = 4 << 20;

pub(crate) struct Embedded {
    state: Arc<Mutex<State>>,
    writer: Sender<Job>,
}

#[derive(Default)]
struct State {
    seq: u64,
    hosts: HashMap<String, HostQueue>,
    dead: BTreeMap<u64, (Entry, String)>,
}

#[derive(Default)]
struct HostQueue {
    ready: VecDeque<Entry>,
    unacked: BTreeMap<u64, Entry>,
    arrived: Arc<Notify>,
}

#[derive(Clone)]
struct Entry {
    seq: u64,
    host: String,
    body: Vec<u8>,
    traceparent: Option<String>,
    deliveries: u32,
}

struct Job {
    record: Record,
    /// Told when the record is synced; none for those that may be lost.
    done: Option<oneshot::Sender<Result<(), String>>>,
}

impl Embedded {
    pub fn open(folder: &Path) -> Result<Arc<Self>, Fault> {
        let path = folder.join("queue.log");
        let Opened { journal, records, damaged_at } = Journal::open(&path).map_err(|error| unavailable(&error))?;
        if let Some(at) = damaged_at {
            let fault = Fault::new(&errors::queue::EMBEDDED_DAMAGED)
                .hole("path", path.display())
                .hole("at", at)
                .hole("reason", "a record is torn or its checksum is wrong");
            warn!(code = fault.entry.code, "{}", fault.text());
        }
        let mut state = State::default();
        for record in records {
            state.apply(record);
        }
        let state = Arc::new(Mutex::new(state));
        let (writer, jobs) = channel();
        let kept = state.clone();
        std::thread::Builder::new()
            .name("queue-log".into())
            .spawn(move || write(journal, &jobs, &kept))
            .map_err(|error| unavailable(&error))?;
        Ok(Arc::new(Self { state, writer }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub async fn publish(&self, message: &Message, traceparent: Option<&str>) -> Result<(), Fault> {
        let seq = self.next();
        let record = Record::Published {
            seq,
            host: message.host.clone(),
            body: message.encode(),
            traceparent: traceparent.map(str::to_owned),
        };
        self.synced(record).await
    }

    pub async fn publish_raw(&self, host: &str, body: &[u8]) -> Result<(), Fault> {
        let seq = self.next();
        self.synced(Record::Published { seq, host: host.to_owned(), body: body.to_vec(), traceparent: None }).await
    }

    fn next(&self) -> u64 {
        let mut state = self.state();
        state.seq += 1;
        state.seq
    }

    /// Returns when the record is on the disk; the writer has applied it by then.
    async fn synced(&self, record: Record) -> Result<(), Fault> {
        let (done, synced) = oneshot::channel();
        self.writer.send(Job { record, done: Some(done) }).map_err(|_| unavailable("its log has ended"))?;
        synced.await.map_err(|_| unavailable("its log has ended"))?.map_err(unavailable)
    }

    /// Applied at once, written soon: when it is lost, the message comes again.
    fn soon(&self, record: Record) {
        self.state().apply(record.clone());
        if self.writer.send(Job { record, done: None }).is_err() {
            warn!("the embedded queue's log has ended");
        }
    }

    pub fn consume(self: &Arc<Self>, host: &str, prefetch: u16) -> Subscription {
        let arrived = self.state().host(host).arrived.clone();
        Subscription {
            queue: self.clone(),
            host: host.to_owned(),
            prefetch: prefetch.into(),
            arrived,
            in_hand: Arc::default(),
        }
    }

    pub fn dead_list(&self, limit: usize) -> Vec<DeadLetter> {
        self.state().dead.values().take(limit).map(|(entry, reason)| letter(entry, reason)).collect()
    }

    pub async fn dead_redrive(&self, id: &str) -> Result<(), Fault> {
        let seq =
            id.parse().ok().filter(|seq| self.state().dead.contains_key(seq)).ok_or_else(|| dead::not_found(id))?;
        self.synced(Record::Redriven { seq }).await
    }
}

impl State {
    fn host(&mut self, host: &str) -> &mut HostQueue {
        self.hosts.entry(host.to_owned()).or_default()
    }

    fn apply(&mut self, record: Record) {
        match record {
            Record::Published { seq, host, body, traceparent } => {
                self.seq = self.seq.max(seq);
                self.arrive(Entry { seq, host, body, traceparent, deliveries: 0 });
            }
            Record::Acked { seq } => drop(self.take(seq)),
            Record::Buried { seq, reason } => {
                if let Some(entry) = self.take(seq) {
                    self.dead.insert(seq, (entry, reason));
                }
            }
            Record::Redriven { seq } => {
                if let Some((mut entry, _)) = self.dead.remove(&seq) {
                    entry.deliveries = 0;
                    self.arrive(entry);
                }
            }
        }
    }

    fn arrive(&mut self, entry: Entry) {
        let queue = self.host(&entry.host);
        queue.ready.push_back(entry);
        queue.arrived.notify_one();
    }

    fn take(&mut self, seq: u64) -> Option<Entry> {
        for queue in self.hosts.values_mut() {
            if let Some(entry) = queue.unacked.remove(&seq) {
                return Some(entry);
            }
            if let Some(at) = queue.ready.iter().position(|entry| entry.seq == seq) {
                return queue.ready.remove(at);
            }
        }
        None
    }

    /// Everything that is not gone, as records.
    fn live(&self) -> Vec<Record> {
        let published = |entry: &Entry| Record::Published {
            seq: entry.seq,
            host: entry.host.clone(),
            body: entry.body.clone(),
            traceparent: entry.traceparent.clone(),
        };
        let mut entries: Vec<&Entry> =
            self.hosts.values().flat_map(|queue| queue.ready.iter().chain(queue.unacked.values())).collect();
        entries.extend(self.dead.values().map(|(entry, _)| entry));
        entries.sort_by_key(|entry| entry.seq);
        let mut records: Vec<Record> = entries.into_iter().map(published).collect();
        records.extend(self.dead.iter().map(|(seq, (_, reason))| Record::Buried { seq: *seq, reason: reason.clone() }));
        records
    }
}

/// Writes what has arrived, all of it with one sync, until nobody is left to write for.
fn write(mut journal: Journal<Record>, jobs: &Receiver<Job>, state: &Mutex<State>) {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        batch.extend(jobs.try_iter().take(1023));
        let appended = journal.append(batch.iter().map(|job| &job.record));
        let result = appended.and_then(|()| journal.sync()).map_err(|error| error.to_string());
        if let Err(reason) = &result {
            error!(reason, "the embedded queue's log cannot be written");
        }
        for job in batch {
            let Some(done) = job.done else { continue };
            if result.is_ok() {
                lock(state).apply(job.record);
            }
            // A publisher that has gone away needs no answer.
            let _ = done.send(result.clone());
        }
        if journal.length() > COMPACT_BYTES {
            let live = lock(state).live();
            if let Err(error) = journal.rewrite(&live) {
                error!(%error, "the embedded queue's log cannot be compacted");
            }
        }
    }
}

/// A consumer; what it holds goes back when it is dropped.
pub(crate) struct Subscription {
    queue: Arc<Embedded>,
    host: String,
    prefetch: usize,
    arrived: Arc<Notify>,
    in_hand: Arc<InHand>,
}

/// How many messages a consumer holds.
#[derive(Default)]
struct InHand {
    count: Mutex<usize>,
    fewer: Notify,
}

impl Subscription {
    pub async fn next(&mut self) -> Taken {
        loop {
            if *lock(&self.in_hand.count) >= self.prefetch {
                self.in_hand.fewer.notified().await;
                continue;
            }
            let Some(entry) = self.pop() else {
                self.arrived.notified().await;
                continue;
            };
            let seq = entry.seq;
            let fault = match Message::decode(&entry.body) {
                // As at a broker: handed out once, and then as often again as the limit says.
                Ok(_) if entry.deliveries > DELIVERY_LIMIT + 1 => dead::over_the_limit(DELIVERY_LIMIT),
                Ok(message) => {
                    *lock(&self.in_hand.count) += 1;
                    let receipt = Receipt {
                        queue: self.queue.clone(),
                        host: self.host.clone(),
                        seq,
                        in_hand: self.in_hand.clone(),
                        is_done: false,
                    };
                    return Taken { message, traceparent: entry.traceparent, receipt: AnyReceipt::Embedded(receipt) };
                }
                Err(fault) => fault,
            };
            warn!(code = fault.entry.code, reason = fault.text(), host = self.host, "a message was buried");
            metrics::counter!("drover_queue_consumed_total", "outcome" => "buried").increment(1);
            self.queue.soon(Record::Buried { seq, reason: dead::reason(&fault) });
        }
    }

    fn pop(&self) -> Option<Entry> {
        let mut state = self.queue.state();
        let queue = state.host(&self.host);
        let mut entry = queue.ready.pop_front()?;
        entry.deliveries += 1;
        queue.unacked.insert(entry.seq, entry.clone());
        if !queue.ready.is_empty() {
            // One permit may have stood for several arrivals.
            queue.arrived.notify_one();
        }
        Some(entry)
    }
}

/// The right to acknowledge a message; dropped without that, the message goes back.
pub(crate) struct Receipt {
    queue: Arc<Embedded>,
    host: String,
    seq: u64,
    in_hand: Arc<InHand>,
    is_done: bool,
}

impl Receipt {
    pub fn ack(mut self) {
        self.is_done = true;
        self.queue.soon(Record::Acked { seq: self.seq });
    }

    pub fn requeue(self) {
        drop(self);
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        *lock(&self.in_hand.count) -= 1;
        self.in_hand.fewer.notify_one();
        if self.is_done {
            return;
        }
        let mut state = self.queue.state();
        let queue = state.host(&self.host);
        if let Some(entry) = queue.unacked.remove(&self.seq) {
            queue.ready.push_front(entry);
            queue.arrived.notify_one();
        }
    }
}

fn letter(entry: &Entry, reason: &str) -> DeadLetter {
    let body = String::from_utf8_lossy(&entry.body).into_owned();
    DeadLetter { id: entry.seq.to_string(), host: entry.host.clone(), reason: reason.to_owned(), body }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unavailable(reason: impl ToString) -> Fault {
    Fault::new(&errors::queue::BROKER_UNAVAILABLE).hole("reason", reason.to_string())
}
