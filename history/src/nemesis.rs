//! The faults: each kind goes on by itself, drawn from the seed, until the run drops it. What it did is undone then.

use crate::clients::Client;
use crate::network::{Cut, Way};
use crate::process::Process;
use crate::service::Service;
use anyhow::{Context, Result};
use clap::ValueEnum;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;
use std::cell::Cell;
use std::convert::Infallible;
use std::future::pending;
use std::ops::Range;
use std::time::Duration;
use tokio::time::sleep;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// `kill -9` of a service
    Kill,
    /// SIGSTOP of a client, for longer than a lease
    Stop,
    /// A client's packets dropped
    Cut,
    /// A jump of a client's lease clock
    Jump,
}

/// How often each was done.
#[derive(Default)]
pub struct Counts {
    pub kills: Cell<u64>,
    pub stops: Cell<u64>,
    pub cuts: Cell<u64>,
    pub jumps: Cell<u64>,
}

// Milliseconds: from one fault of a kind to the next, and how long it lasts.
const KILL_EVERY: Range<u64> = 3000..7000;
const STOP_EVERY: Range<u64> = 500..2000;
/// Past the clients' lease of a second, and past the grace that it has where several services share registers.
const STOP_FOR: Range<u64> = 1500..6000;
const CUT_EVERY: Range<u64> = 500..2000;
const CUT_FOR: Range<u64> = 500..3000;
const JUMP_EVERY: Range<u64> = 100..500;
const JUMP_BY: Range<i64> = 1000..60_000;

/// Of two services both are killed once in so many times.
const ALL_AT_ONCE: u32 = 4;

pub async fn run(
    faults: &[Fault],
    seed: u64,
    services: &mut [Service],
    clients: &[Client],
    counts: &Counts,
) -> Result<Infallible> {
    // Each kind draws from its own, so that leaving one out changes no other.
    let rng = |fault: Fault| StdRng::seed_from_u64(seed ^ (fault as u64 + 1));
    let wanted = |fault: Fault| faults.contains(&fault).then(|| rng(fault));
    let done = tokio::try_join!(
        async { done(wanted(Fault::Kill).map(|rng| kills(rng, services, &counts.kills))).await },
        async { done(wanted(Fault::Stop).map(|rng| stops(rng, clients, &counts.stops))).await },
        async { done(wanted(Fault::Cut).map(|rng| cuts(rng, clients, &counts.cuts))).await },
        async { done(wanted(Fault::Jump).map(|rng| jumps(rng, clients, &counts.jumps))).await },
    )?;
    match done.0 {}
}

/// Nothing, for ever, where there is no such fault.
async fn done(fault: Option<impl Future<Output = Result<Infallible>>>) -> Result<Infallible> {
    match fault {
        Some(fault) => fault.await,
        None => pending().await,
    }
}

async fn within(rng: &mut StdRng, millis: Range<u64>) {
    sleep(Duration::from_millis(rng.random_range(millis))).await;
}

fn one<'a, T>(rng: &mut StdRng, of: &'a [T]) -> Result<&'a T> {
    of.get(rng.random_range(0..of.len().max(1))).context("there is nobody to trouble")
}

fn count(cell: &Cell<u64>) {
    cell.set(cell.get() + 1);
}

async fn kills(mut rng: StdRng, services: &mut [Service], counted: &Cell<u64>) -> Result<Infallible> {
    loop {
        within(&mut rng, KILL_EVERY).await;
        let all = rng.random_ratio(1, ALL_AT_ONCE);
        let chosen = rng.random_range(0..services.len());
        let mut dead = Vec::new();
        for (number, service) in services.iter_mut().enumerate() {
            if all || number == chosen {
                service.kill()?;
                count(counted);
                dead.push(service);
            }
        }
        for service in dead {
            service.restart().await?;
        }
    }
}

/// A process that stands still, until it is dropped.
struct Stopped<'a>(&'a Process);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        // A client that is gone by now is missed elsewhere.
        let _ = self.0.signal(Signal::CONT);
    }
}

async fn stops(mut rng: StdRng, clients: &[Client], counted: &Cell<u64>) -> Result<Infallible> {
    loop {
        within(&mut rng, STOP_EVERY).await;
        let process = &one(&mut rng, clients)?.process;
        process.signal(Signal::STOP)?;
        let stopped = Stopped(process);
        count(counted);
        within(&mut rng, STOP_FOR).await;
        drop(stopped);
    }
}

async fn cuts(mut rng: StdRng, clients: &[Client], counted: &Cell<u64>) -> Result<Infallible> {
    loop {
        within(&mut rng, CUT_EVERY).await;
        let namespace = one(&mut rng, clients)?.namespace.as_deref().context("a client without a namespace")?;
        let cut = Cut::new(namespace, *one(&mut rng, &[Way::In, Way::Out, Way::Both])?)?;
        count(counted);
        within(&mut rng, CUT_FOR).await;
        drop(cut);
    }
}

async fn jumps(mut rng: StdRng, clients: &[Client], counted: &Cell<u64>) -> Result<Infallible> {
    loop {
        within(&mut rng, JUMP_EVERY).await;
        let by = rng.random_range(JUMP_BY);
        let back: bool = rng.random();
        one(&mut rng, clients)?.jump(if back { -by } else { by })?;
        count(counted);
    }
}
