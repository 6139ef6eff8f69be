//! The lock service beside etcd, PostgreSQL's advisory locks and Redis: the same scenarios, each peer in turn.

mod drover;
mod etcd;
mod postgres;
mod redis;
mod scenarios;

pub use drover::Registers;

use crate::row::{Goal, Row, median};
use anyhow::{Context, Result};
use drover::{Drover, Service};
use etcd::Etcd;
use model::lock::LockName;
use postgres::Postgres;
use redis::Redis;
use scenarios::{Handover, growth, handover, pairs};

/// In the order in which they are measured; drover is the first.
const PEERS: [&str; 4] = ["drover", "etcd", "postgres", "redis"];

/// Clients at once, each with a name of its own.
const CLIENTS: [usize; 3] = [1, 32, 128];

/// How often the peers take turns at that: what else the machine does meets them all.
const TURNS: usize = 4;

/// How many wait for the one lock.
const WAITERS: [usize; 3] = [2, 16, 128];

/// How many names are held while others are taken.
const HELD: [usize; 3] = [100, 10_000, 100_000];

/// One client of a lock service, over a connection of its own; it holds one lock at a time.
trait Peer: Send + Sized + 'static {
    fn connect(url: &str) -> impl Future<Output = Result<Self>> + Send;

    /// Done when the lock is held, however long that takes.
    fn acquire(&mut self, name: &LockName) -> impl Future<Output = Result<()>> + Send;

    /// What was acquired last; done when the service has answered.
    fn release(&mut self) -> impl Future<Output = Result<()>> + Send;
}

/// Where the peers are.
struct Peers {
    drover: Service,
    etcd: String,
    postgres: String,
    redis: String,
}

impl Peers {
    async fn start(registers: Registers) -> Result<Self> {
        let named = |name: &str| std::env::var(name).with_context(|| format!("no {name}: run cargo xtask bench locks"));
        Ok(Self {
            drover: Service::start(registers).await?,
            etcd: named("BENCH_ETCD")?,
            postgres: named("DROVER_TEST_POSTGRES")?,
            redis: named("BENCH_REDIS")?,
        })
    }

    /// Pairs a second.
    async fn pairs(&self, clients: usize) -> Result<[f64; PEERS.len()]> {
        let mut mean = [0.0; PEERS.len()];
        for _ in 0..TURNS {
            let turn = [
                pairs::<Drover>(&self.drover.url, clients).await?,
                pairs::<Etcd>(&self.etcd, clients).await?,
                pairs::<Postgres>(&self.postgres, clients).await?,
                pairs::<Redis>(&self.redis, clients).await?,
            ];
            mean.iter_mut().zip(turn).for_each(|(mean, rate)| *mean += rate / TURNS as f64);
        }
        Ok(mean)
    }

    async fn handovers(&self, waiters: usize) -> Result<[Handover; PEERS.len()]> {
        Ok([
            handover::<Drover>(&self.drover.url, waiters).await?,
            handover::<Etcd>(&self.etcd, waiters).await?,
            handover::<Postgres>(&self.postgres, waiters).await?,
            handover::<Redis>(&self.redis, waiters).await?,
        ])
    }
}

/// What one run has measured, in the orders of the constants above.
struct Run {
    pairs: [[f64; PEERS.len()]; CLIENTS.len()],
    handovers: [[Handover; PEERS.len()]; WAITERS.len()],
    /// Median of an acquire, in milliseconds.
    acquires: [f64; HELD.len()],
    /// Pairs a second of 32 clients with the registers in PostgreSQL.
    on_postgres: Option<f64>,
}

async fn run(peers: &Peers, on_postgres: Option<&Service>, registers: Registers) -> Result<Run> {
    let mut pairs_of = [[0.0; PEERS.len()]; CLIENTS.len()];
    for (clients, found) in CLIENTS.into_iter().zip(&mut pairs_of) {
        *found = peers.pairs(clients).await?;
        eprintln!("pairs a second, {clients} clients: {}", beside(found));
    }
    let on_postgres = match on_postgres {
        Some(service) => {
            let mut mean = 0.0;
            for _ in 0..TURNS {
                mean += pairs::<Drover>(&service.url, CLIENTS[1]).await? / TURNS as f64;
            }
            Some(mean)
        }
        None => None,
    };
    let mut handovers = [[Handover::default(); PEERS.len()]; WAITERS.len()];
    for (waiters, found) in WAITERS.into_iter().zip(&mut handovers) {
        *found = peers.handovers(waiters).await?;
        eprintln!("handover p50, {waiters} waiters, ms: {}", beside(&found.map(|each| each.p50)));
    }
    peers.drover.is_free().await?;
    let acquires = growth(registers, HELD).await?;
    eprintln!("acquire with {HELD:?} names held, median, ms: {acquires:.3?}");
    Ok(Run { pairs: pairs_of, handovers, acquires, on_postgres })
}

pub async fn rows(registers: Registers, runs: usize) -> Result<Vec<Row>> {
    let peers = Peers::start(registers).await?;
    let on_postgres = match registers {
        Registers::File => Some(Service::start(Registers::Postgres).await?),
        Registers::Postgres | Registers::Memory => None,
    };
    let mut all = Vec::new();
    for _ in 0..runs {
        all.push(run(&peers, on_postgres.as_ref(), registers).await?);
    }
    let mut rows = pairs_rows(&all);
    rows.extend(handover_rows(&all));
    rows.extend(growth_rows(&all));
    Ok(rows)
}

fn ratio(row: String, goal: Goal, all: &[Run], over: impl Fn(&Run) -> f64, under: impl Fn(&Run) -> f64) -> Row {
    Row::of(row, "x", goal, all.iter().map(|run| over(run) / under(run)).collect())
}

fn middle(all: &[Run], figure: impl Fn(&Run) -> f64) -> f64 {
    median(all.iter().map(figure).collect())
}

/// `_16`; nothing after the row that stands for all of its kind.
fn suffix(size: usize, plain: usize) -> String {
    if size == plain { String::new() } else { format!("_{size}") }
}

/// Only etcd promises what drover does: a line, a lease, and a grant that is on the disk.
fn goal(peer: &str) -> Goal {
    if peer == "etcd" { Goal::AtLeast(1.0) } else { Goal::None }
}

fn pairs_rows(all: &[Run]) -> Vec<Row> {
    let [one, many, most] = [0, 1, 2];
    let mut rows = Vec::new();
    for (number, peer) in PEERS.iter().enumerate().skip(1) {
        for at in [many, one] {
            let row = format!("lock_vs_{peer}{}", suffix(CLIENTS[at], CLIENTS[many]));
            let (own, other) = (|run: &Run| run.pairs[at][0], |run: &Run| run.pairs[at][number]);
            let note = format!("drover {:.0}/s, {peer} {:.0}/s", middle(all, own), middle(all, other));
            rows.push(ratio(row, goal(peer), all, own, other).note(note));
        }
    }
    let parallel = all.iter().map(|run| run.pairs[most][0]).collect();
    let note = beside(&std::array::from_fn(|peer| middle(all, |run| run.pairs[most][peer])));
    rows.push(Row::of("lock_parallel_names", "/s", Goal::None, parallel).note(note));
    if all.iter().all(|run| run.on_postgres.is_some()) {
        let own = |run: &Run| run.on_postgres.unwrap_or_default();
        let row = ratio("lock_on_postgres_vs_etcd".to_owned(), Goal::None, all, own, |run| run.pairs[many][1]);
        rows.push(row.note(format!("drover {:.0}/s", middle(all, own))));
    }
    rows
}

fn handover_rows(all: &[Run]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (at, waiters) in WAITERS.into_iter().enumerate() {
        let limit = if at == 0 { Goal::Under(2.0) } else { Goal::None };
        let suffix = suffix(waiters, WAITERS[0]);
        let own = |figure: fn(&Handover) -> f64| all.iter().map(|run| figure(&run.handovers[at][0])).collect();
        rows.push(Row::of(format!("lock_handover_p50_ms{suffix}"), "ms", limit, own(|each| each.p50)));
        rows.push(Row::of(format!("lock_handover_p99_ms{suffix}"), "ms", Goal::None, own(|each| each.p99)));
    }
    for (number, peer) in PEERS.iter().enumerate().skip(1) {
        for (at, waiters) in WAITERS.into_iter().enumerate() {
            let row = format!("lock_handover_vs_{peer}{}", suffix(waiters, WAITERS[0]));
            let (own, other) = (|run: &Run| run.handovers[at][0].p50, |run: &Run| run.handovers[at][number].p50);
            let polls = if *peer == "redis" { redis::POLLS } else { "" };
            let note = format!("drover {:.2} ms, {peer} {:.2} ms{polls}", middle(all, own), middle(all, other));
            // The peer's time over drover's: above 1, drover is the faster.
            rows.push(ratio(row, goal(peer), all, other, own).note(note));
        }
    }
    rows
}

fn growth_rows(all: &[Run]) -> Vec<Row> {
    let row = |row: &str, goal: Goal, at: usize| {
        let (few, many) = (|run: &Run| run.acquires[0], |run: &Run| run.acquires[at]);
        let note = format!("{:.2} ms with {}, {:.2} ms", middle(all, few), HELD[0], middle(all, many));
        ratio(row.to_owned(), goal, all, many, few).note(note)
    };
    vec![row("lock_names_growth", Goal::Under(1.5), 2), row("lock_names_growth_10000", Goal::None, 1)]
}

fn beside(figures: &[f64; PEERS.len()]) -> String {
    let each = |(peer, figure): (&&str, &f64)| format!("{peer} {figure:.*}", if *figure < 100.0 { 2 } else { 0 });
    PEERS.iter().zip(figures).map(each).collect::<Vec<_>>().join(", ")
}
