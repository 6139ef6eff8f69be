//! Whole builds of phantom VMs, from the POST to RUNNING, with the roles as processes over RabbitMQ and PostgreSQL.

use crate::peer::Celery;
use crate::row::{Goal, Row, percentile};
use anyhow::{Context, Result, bail};
use futures::stream;
use futures::{StreamExt, TryStreamExt};
use iaas::tenant::{Accepted, Create};
use jiff::Timestamp;
use model::server::ServerSpec;
use model::vm::VmSpec;
use model::{ServerType, State, TaskId};
use std::time::{Duration, Instant};
use testkit::Roles;
use testkit::fleet::{server, vm};
use testkit::roles::ROLES;

/// Builds in one burst.
const BUILDS: usize = 2_000;

/// POSTs under way at once.
const CLIENTS: usize = 64;

const CELERY_TASKS: usize = 2_000;

/// Builds one after another, when nothing else is to do.
const IDLE: usize = 200;

const WAIT: Duration = Duration::from_secs(60);

async fn post(fleet: &Roles, name: String) -> Result<Accepted<VmSpec>> {
    let wish = Create { project_id: fleet.project.id, name: name.clone(), spec: vm(&fleet.image) };
    Ok(fleet.client.create(&wish, &name).await?)
}

/// Until no VM is on its way.
async fn settle(fleet: &Roles) -> Result<()> {
    for state in [State::Requested, State::Building] {
        let filter = iaas::tenant::ResourceFilter { state: Some(state), limit: Some(1), ..Default::default() };
        while !fleet.client.list::<VmSpec>(&filter).await?.items.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    Ok(())
}

/// Processor time so far of who takes part, in milliseconds.
fn spent(fleet: &Roles) -> Vec<(String, f64)> {
    let ticks = |pid: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields: Vec<u64> =
            stat.split_whitespace().skip(13).take(2).filter_map(|field| field.parse().ok()).collect();
        fields.iter().sum::<u64>() as f64 * 10.0
    };
    let named = |name: &str| -> f64 {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let is =
            |pid: &String| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name);
        pids.filter(is).map(|pid| ticks(&pid)).sum()
    };
    let mut all: Vec<_> = ROLES.iter().map(|role| ((*role).to_owned(), ticks(&fleet.pid(role).to_string()))).collect();
    all.extend(["postgres", "beam.smp", "bench"].map(|name| (name.to_owned(), named(name))));
    all
}

/// From the first POST until the last VM runs: builds a second.
async fn burst(fleet: &Roles, run: usize) -> Result<f64> {
    let before = spent(fleet);
    let started = Instant::now();
    let posts = stream::iter(0..BUILDS).map(|number| post(fleet, format!("burst-{run}-{number}")));
    let made: Vec<_> = posts.buffer_unordered(CLIENTS).try_collect().await?;
    settle(fleet).await?;
    let rate = BUILDS as f64 / started.elapsed().as_secs_f64();
    let each = |((name, now), (_, then)): ((String, f64), (String, f64))| {
        format!("{name} {:.2}", (now - then) / BUILDS as f64)
    };
    let each: Vec<String> = spent(fleet).into_iter().zip(before).map(each).collect();
    eprintln!("processor time a build, ms: {}", each.join(", "));
    let last = made.last().context("no VM was made")?.resource.id;
    let state = fleet.client.read::<VmSpec>(last).await?.state;
    if state != State::Running {
        bail!("vm {last} is {state}");
    }
    Ok(rate)
}

async fn ended(fleet: &Roles, task: TaskId) -> Result<model::task::Task> {
    let task = fleet.client.task(task, WAIT).await?;
    if !task.status.has_ended() {
        bail!("task {} has not ended: {:?}", task.id, task.waiting_for);
    }
    Ok(task)
}

/// From just before the POST until `execute` begins its first step, in milliseconds.
async fn starts(fleet: &Roles) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    let mut parts: Vec<Vec<f64>> = vec![Vec::new(); 4];
    for number in 0..IDLE {
        let posted = Timestamp::now();
        let task = post(fleet, format!("idle-{number}")).await?.task_id;
        let task = ended(fleet, task).await?;
        let first = task.steps.iter().find(|step| step.number == 1).context("the build has no step")?;
        let ms = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs_f64() * 1000.0;
        let look = task.steps.iter().find(|step| step.name == "prerequisites").map_or(posted, |step| step.started_at);
        let locks = task.steps.iter().find(|step| step.name == "locks").map_or(posted, |step| step.started_at);
        let at = [posted, task.requested_at, look, locks, first.started_at];
        for (part, pair) in parts.iter_mut().zip(at.windows(2)) {
            part.push(ms(pair[0], pair[1]));
        }
        times.push(first.started_at.duration_since(posted).as_secs_f64() * 1000.0);
    }
    parts.iter_mut().for_each(|part| part.sort_by(f64::total_cmp));
    let parts: Vec<_> = parts.iter().map(|part| format!("{:.1}", percentile(part, 50))).collect();
    eprintln!("to the API, to the worker, to the claim, to the first step, ms: {}", parts.join(", "));
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// What of a process is in memory, in MB.
fn resident_mb(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("the process has gone")?;
    let kib: f64 = line.split_whitespace().nth(1).context("VmRSS")?.parse()?;
    Ok(kib / 1000.0 * 1.024)
}

pub async fn rows(celery: &Celery, runs: usize) -> Result<Vec<Row>> {
    // Not the defaults: one host takes the whole burst.
    let wide = [("WORKER__PER_HOST", "128"), ("WORKER__PER_DRIVER", "128"), ("TELEMETRY__LOG_LEVEL", "warn")];
    let host = ServerSpec { cores: 1 << 20, ..server("host-1", ServerType::Phantom) };
    let fleet = Roles::start_with(host, &wide).await;
    let mut memory = Vec::new();
    let (mut ratio, mut p50, mut p99) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..runs {
        if run == 0 {
            ended(&fleet, post(&fleet, "first".to_owned()).await?.task_id).await?;
            memory.push(resident_mb(fleet.pid("worker"))?);
        }
        let own = burst(&fleet, run).await?;
        let peer = celery.noop(&fleet.broker.url, &format!("bench-noop-{run}"), CELERY_TASKS).await?;
        eprintln!("run {}: drover {own:.0} builds/s, Celery {peer:.0} no-ops/s", run + 1);
        ratio.push(own / peer);
        if run == 0 {
            let times = starts(&fleet).await?;
            p50.push(percentile(&times, 50));
            p99.push(percentile(&times, 99));
        }
    }
    Ok(vec![
        Row::of("builds_vs_celery_noop", "x", Goal::AtLeast(2.0), ratio),
        Row::of("post_to_start_p50_ms", "ms", Goal::Under(10.0), p50),
        Row::of("post_to_start_p99_ms", "ms", Goal::Under(50.0), p99),
        Row::of("worker_rss_mb", "MB", Goal::Under(20.0), memory),
    ])
}
