//! What the drivers make, on the real programs, beside the bare commands that it comes down to: made by hand, with nothing
//! looked at but the end, and nothing that could be carried on after a crash.

mod backup;
mod router;
mod vm;

use crate::row::{Goal, Row};
use anyhow::{Result, bail};
use iaas::tenant::{Accepted, Change};
use model::resource::Spec;
use model::server::ServerSpec;
use model::{ResourceId, State, TaskId};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testkit::real;
use testkit::{LIMIT, Roles, eventually};

const LIBVIRT: &str = "DROVER_TEST_LIBVIRT_URI";
const CEPH: &str = "DROVER_TEST_CEPH";

/// A claim of this part, and in what it is told.
type Claim = (&'static str, &'static str, Goal);

const OVERHEAD: Claim = ("kvm_build_overhead_ms", "ms", Goal::Under(100.0));
const KVM: Claim = ("kvm_build_vs_commands", "x", Goal::None);
const RBD: Claim = ("rbd_build_vs_commands", "x", Goal::None);
const BACKUP: Claim = ("backup_vs_convert", "x", Goal::None);
const ROUTER: Claim = ("router_build_vs_commands", "x", Goal::None);
const ROUTER_NFT: Claim = ("router_build_vs_nft", "x", Goal::None);
const RULES: Claim = ("router_update_1000_vs_nft", "x", Goal::None);
const RULE: Claim = ("router_update_1_of_1000_vs_nft", "x", Goal::None);

/// A build of a VM alone.
pub async fn vm(runs: usize) -> Result<Vec<Row>> {
    let Some(ground) = Ground::start().await else { return Ok(absent(&[OVERHEAD], "libvirt")) };
    let builds = vm::on_overlay(&ground, runs).await?;
    Ok(vec![overhead(&builds)])
}

pub async fn rows(runs: usize) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    match Ground::start().await {
        None => rows.extend(absent(&[OVERHEAD, KVM, RBD, BACKUP], "libvirt")),
        Some(ground) => {
            let builds = vm::on_overlay(&ground, runs).await?;
            rows.push(overhead(&builds));
            rows.push(beside(KVM, &builds, "by hand"));
            match is_there(CEPH) {
                true => rows.push(beside(RBD, &vm::on_clone(&ground, runs).await?, "by hand")),
                false => rows.extend(absent(&[RBD], "Ceph")),
            }
            rows.push(backup::row(BACKUP, &ground, runs).await?);
        }
    }
    match router::absent() {
        Some(what) => rows.extend(absent(&[ROUTER, ROUTER_NFT, RULES, RULE], &what)),
        None => rows.extend(router::rows(runs).await?),
    }
    Ok(rows)
}

fn is_there(backend: &str) -> bool {
    std::env::var_os(backend).is_some()
}

fn absent(claims: &[Claim], what: &str) -> Vec<Row> {
    claims.iter().map(|(row, unit, goal)| Row::absent(*row, unit, *goal, what)).collect()
}

/// This machine as a KVM server, under the roles as processes.
struct Ground {
    fleet: Roles,
    folder: TempDir,
    server: ServerSpec,
}

impl Ground {
    /// None where there is no libvirt.
    async fn start() -> Option<Self> {
        if !is_there(LIBVIRT) {
            return None;
        }
        let folder = real::storage();
        let mut server = real::kvm(&folder);
        server.settings.shutdown_secs = 0;
        // Each backup is a full one.
        server.settings.backup.full_every = 1;
        if is_there(CEPH) {
            server.settings.ceph.conf = real::ceph_conf();
            server.settings.ceph.trash_hours = 0;
        }
        Some(Self { fleet: Roles::start(server.clone()).await, folder, server })
    }

    fn storage(&self) -> &str {
        &self.server.settings.storage
    }
}

/// How long drover took, and how long it took by hand.
#[derive(Clone, Copy)]
struct Pair {
    own: Duration,
    hand: Duration,
}

impl Pair {
    fn ratio(self) -> f64 {
        self.own.as_secs_f64() / self.hand.as_secs_f64()
    }

    fn say(self, what: &str) -> Self {
        eprintln!("{what}: drover {:.0} ms, by hand {:.0} ms", ms(self.own), ms(self.hand));
        self
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn middle(pairs: &[Pair], of: impl Fn(&Pair) -> Duration) -> f64 {
    crate::row::median(pairs.iter().map(|pair| ms(of(pair))).collect())
}

/// Drover's time in that of the other.
fn beside((row, unit, goal): Claim, pairs: &[Pair], other: &str) -> Row {
    let (own, hand) = (middle(pairs, |pair| pair.own), middle(pairs, |pair| pair.hand));
    let note = format!("drover {own:.0} ms, {other} {hand:.0} ms");
    Row::of(row, unit, goal, pairs.iter().map(|pair| pair.ratio()).collect()).note(note)
}

fn overhead(pairs: &[Pair]) -> Row {
    let (row, unit, goal) = OVERHEAD;
    Row::of(row, unit, goal, pairs.iter().map(|pair| ms(pair.own) - ms(pair.hand)).collect())
}

/// The time until it was there, from when it was asked for.
async fn ended(fleet: &Roles, task: TaskId, began: Instant) -> Result<Duration> {
    let task = fleet.client.task(task, LIMIT).await?;
    let took = began.elapsed();
    if let Some(error) = task.error {
        bail!("{} failed: {}", task.verb, error.text);
    }
    if !task.status.has_ended() {
        bail!("{} is still under way: {:?}", task.verb, task.waiting_for);
    }
    let each = task.steps.iter().filter_map(|step| {
        let took = step.ended_at?.duration_since(step.started_at).as_secs_f64() * 1e3;
        Some(format!("{} {took:.0}", step.name))
    });
    eprintln!("  {} {:.0} ms, of its steps: {}", task.verb, ms(took), each.collect::<Vec<_>>().join(", "));
    Ok(took)
}

async fn build<S: Spec>(fleet: &Roles, name: &str, spec: S) -> Result<(ResourceId, Duration)> {
    let began = Instant::now();
    let (id, task) = fleet.create(name, spec).await;
    Ok((id, ended(fleet, task, began).await?))
}

async fn change<S: Spec>(fleet: &Roles, id: ResourceId, patch: serde_json::Value) -> Result<Duration> {
    let version = fleet.client.read::<S>(id).await?.version;
    let began = Instant::now();
    let asked: Accepted<S> = fleet.client.change(id, version, &Change { spec: patch }, false).await?;
    ended(fleet, asked.task_id, began).await
}

async fn scrub<S: Spec>(fleet: &Roles, id: ResourceId) -> Result<()> {
    let _: Accepted<S> = fleet.client.ask(id, State::Scrub, false).await?;
    eventually(LIMIT, "it is closed", async || match fleet.client.read::<S>(id).await {
        Ok(found) if found.state == State::Closed => Ok(()),
        Ok(found) => Err(format!("{} {:?}", found.state, found.error)),
        Err(failure) => Err(failure.to_string()),
    })
    .await;
    Ok(())
}
