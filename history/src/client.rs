//! A client process: several tasks that take locks over HTTP and use them at the host. A line on its stdin
//! is a jump of its lease clock, in milliseconds; the end of its stdin is its own. On stdout it says what it has counted.

use crate::guard::Host;
use crate::tally::Tally;
use crate::task::Task;
use anyhow::Result;
use clap::Args;
use locks::Clock;
use locks::clock::Hand;
use rand::SeedableRng;
use rand::rngs::StdRng;
use secrecy::SecretString;
use std::convert::Infallible;
use std::io::stdin;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::unix::pipe::Receiver;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// So short that a stop is past it.
const LEASE: Duration = Duration::from_secs(1);

/// How finely the lease clock goes.
const TICK: Duration = Duration::from_millis(5);

/// How often it says what it has counted.
const REPORT: Duration = Duration::from_millis(100);

/// Where the lease clock starts: far enough from zero for every jump back.
const MIDDLE: Duration = Duration::from_secs(1_000_000);

#[derive(Args)]
pub struct Options {
    #[arg(long)]
    number: u32,
    #[arg(long)]
    tasks: u32,
    #[arg(long)]
    seed: u64,
    /// The folder that stands for the host
    #[arg(long)]
    host: PathBuf,
    #[arg(long)]
    guarded: bool,
    /// The services' URLs
    #[arg(required = true)]
    services: Vec<String>,
    #[arg(long, env = "HISTORY_TOKEN", hide_env_values = true)]
    token: String,
}

pub async fn run(options: Options) -> Result<()> {
    let (clock, hand) = Clock::manual();
    hand.set(MIDDLE);
    let client = |url: &String| {
        locks::Client::new(url, SecretString::from(options.token.clone())).lease(LEASE).clock(clock.clone())
    };
    let services: Vec<locks::Client> = options.services.iter().map(client).collect();
    let host = Arc::new(Host::new(options.host, options.guarded));
    let (tally, operations) = (Arc::<Mutex<Tally>>::default(), Arc::<AtomicU64>::default());
    let end = CancellationToken::new();
    let mut tasks = JoinSet::new();
    for number in 0..options.tasks {
        let seed = options.seed.wrapping_add(u64::from(options.number) << 32 | u64::from(number));
        let task = Task {
            client: options.number,
            rng: StdRng::seed_from_u64(seed),
            services: services.clone(),
            host: host.clone(),
            tally: tally.clone(),
            operations: operations.clone(),
            end: end.clone(),
        };
        tasks.spawn(task.run());
    }
    let stdin = Receiver::from_owned_fd(stdin().as_fd().try_clone_to_owned()?)?;
    let mut drive = pin!(drive(hand, BufReader::new(stdin).lines(), end));
    let report = || -> Result<()> {
        let tally = *tally.lock().unwrap_or_else(PoisonError::into_inner);
        println!("{}", serde_json::to_string(&tally)?);
        Ok(())
    };
    let mut reports = interval(REPORT);
    loop {
        tokio::select! {
            failed = &mut drive => match failed? {},
            ended = tasks.join_next() => match ended {
                Some(ended) => ended??,
                None => break,
            },
            _ = reports.tick() => report()?,
        }
    }
    report()
}

/// Moves the lease clock as real time goes, and as it is told to jump.
async fn drive(hand: Hand, mut jumps: Lines<BufReader<Receiver>>, end: CancellationToken) -> Result<Infallible> {
    let start = Instant::now();
    let mut jumped = MIDDLE;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            jump = jumps.next_line(), if !end.is_cancelled() => match jump? {
                Some(jump) => {
                    let millis: i64 = jump.parse()?;
                    let by = Duration::from_millis(millis.unsigned_abs());
                    jumped = if millis < 0 { jumped.saturating_sub(by) } else { jumped + by };
                }
                None => end.cancel(),
            },
        }
        hand.set(jumped + start.elapsed());
    }
}
