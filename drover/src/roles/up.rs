//! `drover up`: API, dispatcher, lock service and worker in one process, on a data folder.

use super::{api as api_role, demo, worker as worker_role};
use crate::cli::{Global, Up};
use crate::out::Out;
use anyhow::Context;
use dispatcher::Dispatcher;
use errors::Fault;
use hosts::{Host, Invocation};
use iaas::Client;
use iaas::tenant::{CreateToken, Role};
use lifecycle::Outbox;
use model::ServerType;
use model::server::{HostSettings, Server, ServerSpec};
use queue::Queue;
use secrecy::SecretString;
use service::config::{Config, Loaded, Telemetry};
use service::health::{self, Checks};
use service::{http, notify, shutdown};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::Store;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use worker::{Health, Worker};

/// Where client commands find the operator's token.
pub const TOKEN_FILE: &str = "operator.token";

/// Where `drover lock` finds the lock service.
pub const LOCKS_URL_FILE: &str = "locks.url";
pub const LOCKS_TOKEN_FILE: &str = "locks.token";

/// What a phantom host may hold.
const PHANTOM_CORES: u32 = 64;
const PHANTOM_RAM_MB: u64 = 256 * 1024;
const PHANTOM_GB: u64 = 4096;

pub async fn run(global: Global, loaded: Loaded, up: Up) -> anyhow::Result<()> {
    let config = loaded.config;
    let out = Out::of(&global);
    let data = folder(&global.data)?;
    let _in_use = claim(&data)?;
    let _telemetry = service::start("up", &quiet(&config.telemetry))?;
    let stop = shutdown::token()?;
    // The parts end after the demo or the interrupt, the API last: the worker hands over to it.
    let (parts, api_stop) = (CancellationToken::new(), CancellationToken::new());

    let listener = http::bind(&up.listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let store =
        Store::open(&format!("sqlite://{}", data.join("drover.db").display()), api_role::limits(&config)).await?;
    let operator = kept_token(&store, &data.join(TOKEN_FILE), "operator", Role::Operator).await?;
    let fleet = data.join("fleet");
    let fleet = folder(&fleet)?;
    let dispatcher = kept_token(&store, &fleet.join("dispatcher.token"), "dispatcher", Role::Dispatcher).await?;
    let worker = kept_token(&store, &fleet.join("worker.token"), "worker", Role::Worker).await?;

    let mut services = JoinSet::new();
    services.spawn(api::run(store.clone(), listener, api_stop.clone()));
    let locks = locks(&data, &api_stop, &mut services).await?;
    let queue = Queue::embedded(&data.join("queue")).await?;
    let client = Client::new(&url, operator);
    servers(&client, &data).await?;

    let dispatcher = Dispatcher {
        client: Client::new(&url, dispatcher),
        outbox: Outbox::new(queue.clone()),
        drivers: worker::drivers::ALL,
        name: "up".into(),
        sweep_every: Duration::from_secs(config.dispatch.sweep_secs),
    };
    let worker = Worker {
        name: "up".into(),
        client: Client::new(&url, worker),
        queue,
        locks,
        ssh: hosts::ssh::SshOptions {
            identity: config.worker.ssh_identity.clone(),
            known_hosts: config.worker.known_hosts.clone(),
        },
        drain: Duration::from_secs(config.worker.drain_secs),
        stand_ins: Vec::new(),
        notify: config.worker.notify.clone().into(),
        hook: None,
    };
    let (_limits, follow) =
        watch::channel(worker_role::limits(&Config { worker: all_hosts(&config), ..config.clone() }));
    let dispatching = tokio::spawn(dispatcher.run(parts.clone()));
    let working = tokio::spawn(worker.run(follow, Health::default(), parts.clone()));
    notify::tell("READY=1");
    greet(out, &url, &data);

    let result = tokio::select! {
        () = stop.cancelled() => Ok(()),
        Some(ended) = services.join_next() => ended.context("a service stopped").and_then(|result| result.context("a service stopped")),
        result = demonstrate(&up, &client, out) => result,
    };
    out.say("draining: attempts end at their next step; once more Ctrl-C ends at once");
    parts.cancel();
    working.await.context("the worker")?;
    dispatching.await.context("the dispatcher")?;
    api_stop.cancel();
    while services.join_next().await.is_some() {}
    store.close().await;
    result
}

/// The table and the progress are what is watched here: below warnings, logs are for those who ask for them.
fn quiet(telemetry: &Telemetry) -> Telemetry {
    let mut telemetry = telemetry.clone();
    if telemetry.log_level == "info" {
        telemetry.log_level = "warn".into();
    }
    telemetry
}

/// Ends only when the demo ends and `--exit` was given, or the demo failed.
async fn demonstrate(up: &Up, client: &Client, out: Out) -> anyhow::Result<()> {
    if up.demo {
        demo::run(client, out).await?;
        if up.exit {
            return Ok(());
        }
        out.say("serving until Ctrl-C");
    }
    std::future::pending().await
}

fn all_hosts(config: &Config) -> service::config::Worker {
    service::config::Worker { hosts: Vec::new(), ..config.worker.clone() }
}

fn folder(path: &Path) -> anyhow::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("making the folder {}", path.display()))?;
    path.canonicalize().with_context(|| format!("finding the folder {}", path.display()))
}

/// One `drover up` a folder; the lock ends with the process.
fn claim(data: &Path) -> anyhow::Result<File> {
    let file = File::create(data.join("in-use")).context("making the folder's lock")?;
    file.try_lock().map_err(|_| Fault::new(&errors::operate::DATA_IN_USE).hole("path", data.display()))?;
    Ok(file)
}

/// The token in the file; made at the first start.
async fn kept_token(store: &Store, file: &Path, name: &str, role: Role) -> anyhow::Result<SecretString> {
    if let Ok(secret) = std::fs::read_to_string(file) {
        return Ok(SecretString::from(secret.trim().to_owned()));
    }
    let hosts = if role == Role::Worker { vec!["*".to_owned()] } else { Vec::new() };
    let created = store.token_create(CreateToken { name: name.into(), role, project_id: None, hosts }).await?;
    api_role::write_secret(file, &created.secret)?;
    Ok(SecretString::from(created.secret))
}

/// The lock service on a port of its own, and how `drover lock` finds it.
async fn locks(
    data: &Path,
    stop: &CancellationToken,
    services: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<::locks::Client> {
    let (worker, operator) = (uuid::Uuid::new_v4().to_string(), uuid::Uuid::new_v4().to_string());
    let listener = http::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    api_role::write_secret(&data.join(LOCKS_URL_FILE), &url)?;
    api_role::write_secret(&data.join(LOCKS_TOKEN_FILE), &operator)?;
    let access = ::locks::Access { worker: SecretString::from(worker.clone()), operator: SecretString::from(operator) };
    let registers = std::path::absolute(data.join("locks"))?;
    let locks = ::locks::Locks::new(&access, ::locks::Clock::default(), ::locks::Place::File(registers)).await?;
    let router = ::locks::router(locks).merge(health::router(Checks::new()));
    let stop = stop.clone();
    services.spawn(async move { Ok(http::serve(listener, router, stop).await?) });
    Ok(::locks::Client::new(&url, SecretString::from(worker)))
}

/// A phantom host always; a KVM host when libvirt answers here.
async fn servers(client: &Client, data: &Path) -> anyhow::Result<()> {
    let known: Vec<Server> = crate::client::server::all(client, "servers").await?;
    let has = |name: &str| known.iter().any(|server| server.spec.name == name);
    if !has("phantom-1") {
        let settings = HostSettings::default();
        record(client, server("phantom-1", ServerType::Phantom, PHANTOM_CORES, PHANTOM_RAM_MB, PHANTOM_GB, settings))
            .await?;
    }
    if !has("kvm-1") && libvirt_answers().await {
        let storage = folder(&data.join("kvm-1"))?.display().to_string();
        let settings = HostSettings { storage, ..HostSettings::default() };
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
        record(client, server("kvm-1", ServerType::Kvm, cores, memory_mb(), 100, settings)).await?;
    }
    Ok(())
}

async fn record(client: &Client, spec: ServerSpec) -> anyhow::Result<()> {
    let _: Server = client.record_create("servers", &spec).await?;
    Ok(())
}

fn server(name: &str, server_type: ServerType, cores: u32, ram_mb: u64, gb: u64, settings: HostSettings) -> ServerSpec {
    ServerSpec {
        name: name.into(),
        server_type,
        region: "local".into(),
        cores,
        ram_mb,
        gb,
        address: "local".into(),
        labels: Default::default(),
        enabled: true,
        settings,
    }
}

async fn libvirt_answers() -> bool {
    let here = hosts::local::Local::new("kvm-1");
    let uri = HostSettings::default().libvirt_uri;
    let look = Invocation::looks(["virsh", "-c", &uri, "version"]).deadline(Duration::from_secs(5));
    here.run(&look).await.is_ok()
}

/// Three quarters of what this machine has.
fn memory_mb() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<u64>().ok());
    total.unwrap_or(0) / 1024 * 3 / 4
}

fn greet(out: Out, url: &str, data: &Path) {
    out.say(&format!(
        "drover serves on {url}\nthe operator's token is in {}\nnext: drover server list · drover vm list · drover events · drover --help\n",
        data.join(TOKEN_FILE).display()
    ));
}
