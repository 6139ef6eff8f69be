//! One task of a client: it acquires, sends a few commands to the host, and releases, until it is told to end.

use crate::guard::{Host, now};
use crate::record::{Owner, Section};
use crate::tally::Tally;
use crate::wish::Wish;
use anyhow::{Context, Result, anyhow, bail};
use errors::locks::LOCK_TIMEOUT;
use errors::{Category, Fault};
use locks::{Client, Held};
use model::TaskId;
use model::lock::LockName;
use rand::RngExt;
use rand::rngs::StdRng;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::{block_in_place, yield_now};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// After a service did not answer.
const PAUSE: Duration = Duration::from_millis(50);

pub struct Task {
    pub client: u32,
    pub rng: StdRng,
    /// Asked in turn.
    pub services: Vec<Client>,
    pub host: Arc<Host>,
    pub tally: Arc<Mutex<Tally>>,
    /// How many the client has begun.
    pub operations: Arc<AtomicU64>,
    pub end: CancellationToken,
}

/// An acquire's answer.
struct Grant {
    held: Held,
    lost: CancellationToken,
    /// Each lock with the section that its history knows.
    sections: Vec<(LockName, Section)>,
}

impl Task {
    pub async fn run(mut self) -> Result<()> {
        let end = self.end.clone();
        while !end.is_cancelled() {
            let operation = self.operations.fetch_add(1, Ordering::Relaxed);
            let wish = Wish::draw(Owner { client: self.client, operation }, &mut self.rng);
            // From one service to the next: so one that does not answer holds nobody up.
            self.services.rotate_left(1);
            let granted = tokio::select! {
                granted = self.enter(&wish, 0, wish.patience) => granted?,
                () = end.cancelled() => None,
            };
            if let Some(grant) = granted {
                self.operate(&wish, grant).await?;
            }
        }
        Ok(())
    }

    /// None without a grant.
    async fn enter(&mut self, wish: &Wish, number: u32, patience: Duration) -> Result<Option<Grant>> {
        let asked = now();
        let Some(service) = self.services.first() else { bail!("there is no service to ask") };
        let answer = async { Some(ask(service, wish, patience).await) };
        let answer = match wish.leaves {
            Some(limit) => timeout(limit, answer).await.unwrap_or_default(),
            None => answer.await,
        };
        let held = match answer {
            Some(Ok(held)) => held,
            Some(Err(fault)) if fault.entry.category == Category::Unavailable => {
                self.count(|tally| tally.unanswered += 1);
                sleep(PAUSE).await;
                return Ok(None);
            }
            Some(Err(fault)) if fault.entry.code != LOCK_TIMEOUT.code => return Err(anyhow!(fault.chain())),
            Some(Err(_)) => {
                self.count(|tally| {
                    tally.acquires += 1;
                    tally.not_in_time += 1;
                });
                return Ok(None);
            }
            None => {
                self.count(|tally| {
                    tally.acquires += 1;
                    tally.cancelled += 1;
                });
                return Ok(None);
            }
        };
        self.count(|tally| {
            tally.acquires += 1;
            tally.granted += 1;
            tally.re_entries += u64::from(number > 0);
        });
        let mut sections = Vec::new();
        for name in &wish.names {
            let fence = held.fence(name).with_context(|| format!("{name} was granted without a fence"))?;
            let section = Section { fence, owner: wish.owner, number };
            self.host.granted(name, section, asked)?;
            sections.push((name.clone(), section));
        }
        let lost = held.lost();
        Ok(Some(Grant { held, lost, sections }))
    }

    async fn operate(&mut self, wish: &Wish, outer: Grant) -> Result<()> {
        let commands = self.rng.random_range(2..=4);
        let mut going = self.send(wish, &outer, 0..2).await?;
        if going
            && wish.re_enters
            && let Some(inner) = self.enter(wish, 1, Duration::ZERO).await?
        {
            going = self.send(wish, &inner, 0..2).await?;
            self.release(inner).await;
        }
        if going {
            self.send(wish, &outer, 2..commands).await?;
        }
        // Dropped, the locks are given back in the background.
        if self.rng.random_ratio(15, 16) {
            self.release(outer).await;
        }
        Ok(())
    }

    async fn release(&self, grant: Grant) {
        grant.held.release().await;
        self.count(|tally| tally.releases += 1);
    }

    /// False when the section ends early: the locks are lost, or the host has refused.
    async fn send(&mut self, wish: &Wish, grant: &Grant, indices: Range<u32>) -> Result<bool> {
        for index in indices {
            // Looked at before the pause, as at the boundary of a step: what happens from here on is the host's to judge.
            if grant.lost.is_cancelled() {
                self.count(|tally| tally.lost += 1);
                return Ok(false);
            }
            self.pause(wish.slow).await;
            for (name, section) in &grant.sections {
                if !block_in_place(|| self.host.command(name, *section, index))? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn pause(&mut self, slow: bool) {
        if slow {
            sleep(Duration::from_millis(self.rng.random_range(100..700))).await;
        } else if self.rng.random() {
            yield_now().await;
        } else {
            sleep(Duration::from_micros(self.rng.random_range(100..3000))).await;
        }
    }

    fn count(&self, add: impl FnOnce(&mut Tally)) {
        add(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The one place that knows how locks are asked for.
async fn ask(service: &Client, wish: &Wish, patience: Duration) -> Result<Held, Fault> {
    let Owner { client, operation } = wish.owner;
    let owner = locks::Owner {
        task: TaskId(i64::from(client) << 40 | operation.cast_signed()),
        attempt: 1,
        worker: format!("client-{client}"),
        host: "host".to_owned(),
        step: String::new(),
    };
    service.acquire(&wish.names, owner, patience).await
}
