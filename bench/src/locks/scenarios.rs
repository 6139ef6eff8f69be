//! What is measured: pairs a second without contention, handing one lock over, and taking a lock among many held ones.

use super::Peer;
use super::drover::{Drover, Registers, Service};
use crate::row::percentile;
use anyhow::{Context, Result, bail};
use futures::future::try_join_all;
use model::lock::LockName;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// How long pairs are counted.
const SPAN: Duration = Duration::from_millis(500);

const HANDOVERS: usize = 200;

/// These come first and do not count: afterwards everybody stands in line.
const FIRST_HANDOVERS: usize = 20;

/// How long everybody stands in line at least: etcd looks at new waiters only every 100 ms, and that pause is no measure of
/// a handover.
const LINE: Duration = Duration::from_millis(120);

/// No lock is held for less.
const HOLD: Duration = Duration::from_millis(5);

/// A lock is held that much longer at most, at random: so who polls falls in no step with it.
const MORE: Duration = Duration::from_millis(10);

/// Acquires among so many held names.
const ACQUIRES: usize = 500;

/// A lock that no scenario before has used.
fn fresh() -> LockName {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    let device = LAST.fetch_add(1, Ordering::Relaxed).to_string();
    LockName::Device { host: "bench".into(), device }
}

/// Acquire and release, so many clients at once, each with a lock of its own: pairs a second.
pub async fn pairs<P: Peer>(url: &str, clients: usize) -> Result<f64> {
    let mut peers = try_join_all((0..clients).map(|_| P::connect(url))).await?;
    let locks: Vec<LockName> = peers.iter().map(|_| fresh()).collect();
    // The first pair opens the connection, or prepares the statement.
    try_join_all(peers.iter_mut().zip(&locks).map(|(peer, lock)| pair(peer, lock))).await?;
    let started = Instant::now();
    let mut counts = JoinSet::new();
    for (mut peer, lock) in peers.into_iter().zip(locks) {
        counts.spawn(async move {
            let mut count = 0_usize;
            while started.elapsed() < SPAN {
                pair(&mut peer, &lock).await?;
                count += 1;
            }
            anyhow::Ok(count)
        });
    }
    let mut sum = 0;
    while let Some(count) = counts.join_next().await {
        sum += count??;
    }
    Ok(sum as f64 / started.elapsed().as_secs_f64())
}

async fn pair<P: Peer>(peer: &mut P, lock: &LockName) -> Result<()> {
    peer.acquire(lock).await?;
    peer.release().await
}

/// In milliseconds.
#[derive(Clone, Copy, Default)]
pub struct Handover {
    pub p50: f64,
    pub p99: f64,
}

/// From the moment at which the holder sends its release until the acquire of one of so many waiters returns.
pub async fn handover<P: Peer>(url: &str, waiters: usize) -> Result<Handover> {
    let lock = fresh();
    let peers = try_join_all((0..=waiters).map(|_| P::connect(url))).await?;
    let (sending, sent) = unbounded_channel();
    let (holding, held) = unbounded_channel();
    let mut clients = JoinSet::new();
    let mut turns = Vec::new();
    for (number, peer) in peers.into_iter().enumerate() {
        let (turn, told) = unbounded_channel();
        turns.push(turn);
        let client = Client { peer, number, told, sent: sending.clone(), held: holding.clone() };
        clients.spawn(client.run(lock.clone()));
    }
    let mut times = tokio::select! {
        times = conduct(&turns, sent, held, HOLD.max(LINE / waiters as u32)) => times?,
        Some(ended) = clients.join_next() => {
            ended??;
            bail!("a client went before it was told to");
        }
    };
    // Nobody is told anything any more: each gives the lock back once it has it, and goes.
    drop(turns);
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    times.sort_by(f64::total_cmp);
    Ok(Handover { p50: percentile(&times, 50), p99: percentile(&times, 99) })
}

/// Who holds the lock is told to give it back, and to wait for it again once the next one has it: a holder that came back
/// at once would be in the way where no line is kept.
async fn conduct(
    turns: &[UnboundedSender<()>],
    mut sent: UnboundedReceiver<Instant>,
    mut held: UnboundedReceiver<(usize, Instant)>,
    hold: Duration,
) -> Result<Vec<f64>> {
    let gone = "the clients have gone";
    let (mut holder, _) = held.recv().await.context(gone)?;
    let mut times = Vec::new();
    for number in 0..FIRST_HANDOVERS + HANDOVERS {
        tokio::time::sleep(hold + rand::random_range(Duration::ZERO..MORE)).await;
        turns[holder].send(())?;
        let sent = sent.recv().await.context(gone)?;
        let (next, got) = held.recv().await.context(gone)?;
        turns[holder].send(())?;
        holder = next;
        if number >= FIRST_HANDOVERS {
            times.push(got.duration_since(sent).as_secs_f64() * 1e3);
        }
    }
    Ok(times)
}

/// One who takes part in a handover.
struct Client<P> {
    peer: P,
    number: usize,
    told: UnboundedReceiver<()>,
    sent: UnboundedSender<Instant>,
    held: UnboundedSender<(usize, Instant)>,
}

impl<P: Peer> Client<P> {
    async fn run(mut self, lock: LockName) -> Result<()> {
        loop {
            self.peer.acquire(&lock).await?;
            // At the end nobody listens.
            let _ = self.held.send((self.number, Instant::now()));
            let is_on = self.told.recv().await.is_some();
            let _ = self.sent.send(Instant::now());
            self.peer.release().await?;
            if !is_on || self.told.recv().await.is_none() {
                return Ok(());
            }
        }
    }
}

/// The median of an acquire while so many names are held, in milliseconds: a service for each number, asked in turn.
pub async fn growth<const N: usize>(registers: Registers, counts: [usize; N]) -> Result<[f64; N]> {
    let mut crowded = Vec::new();
    for count in counts {
        let service = Service::start(registers).await?;
        let crowd = service.crowd(count).await?;
        let peer = Drover::connect(&service.url).await?;
        crowded.push((service, crowd, peer));
    }
    let lock = fresh();
    let mut times = [(); N].map(|()| Vec::new());
    for number in 0..=ACQUIRES {
        for ((_, _, peer), times) in crowded.iter_mut().zip(&mut times) {
            let began = Instant::now();
            peer.acquire(&lock).await?;
            let took = began.elapsed();
            peer.release().await?;
            // The first opens the connection.
            if number > 0 {
                times.push(took.as_secs_f64() * 1e3);
            }
        }
    }
    for (_, crowd, _) in crowded {
        crowd.leave().await;
    }
    Ok(times.map(crate::row::median))
}
