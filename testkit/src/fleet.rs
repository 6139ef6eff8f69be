//! A whole fleet in this process: API over real HTTP, lock service, dispatcher, workers. The store, the queue and the hosts
//! are what the test names; by default a SQLite file, the embedded queue and a phantom host.

use crate::eventually::eventually;
use hosts::Host;
use iaas::Client;
use iaas::tenant::{Accepted, Change, Create, Role};
use lifecycle::{Hook, Outbox};
use model::image::{Image, ImageSpec};
use model::project::{Project, ProjectSpec};
use model::resource::{Resource, Spec};
use model::server::{Carrier, HostSettings, Server, ServerSpec};
use model::task::Task;
use model::virtual_router::VirtualRouterSpec;
use model::vm::{Disk, VmSpec};
use model::{ResourceId, ServerType, State, TaskId};
use queue::Queue;
use secrecy::SecretString;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use store::{Limits, Store, Who};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use worker::{Health, Worker};

/// Nothing in a test takes longer; a limit, not a measure.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Short, so that what a lease's end brings comes soon.
pub const LEASE_SECS: u32 = 1;

pub struct Setup {
    database: Option<String>,
    queue: Option<Queue>,
    hosts: Vec<(ServerSpec, Option<Arc<dyn Host>>)>,
    lease_secs: u32,
    ssh: hosts::ssh::SshOptions,
    notify: Arc<[String]>,
    image: ImageSpec,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            database: None,
            queue: None,
            hosts: Vec::new(),
            lease_secs: LEASE_SECS,
            ssh: Default::default(),
            notify: Arc::default(),
            image: image(),
        }
    }
}

impl Setup {
    #[must_use]
    pub fn database(mut self, url: impl Into<String>) -> Self {
        self.database = Some(url.into());
        self
    }

    #[must_use]
    pub fn queue(mut self, queue: Queue) -> Self {
        self.queue = Some(queue);
        self
    }

    /// A server, and the host that stands in for what its record names.
    #[must_use]
    pub fn host(mut self, spec: ServerSpec, stand_in: Option<Arc<dyn Host>>) -> Self {
        self.hosts.push((spec, stand_in));
        self
    }

    #[must_use]
    pub fn lease_secs(mut self, lease_secs: u32) -> Self {
        self.lease_secs = lease_secs;
        self
    }

    #[must_use]
    pub fn ssh(mut self, ssh: hosts::ssh::SshOptions) -> Self {
        self.ssh = ssh;
        self
    }

    #[must_use]
    pub fn notify<A: Into<String>>(mut self, program: impl IntoIterator<Item = A>) -> Self {
        self.notify = program.into_iter().map(Into::into).collect();
        self
    }

    #[must_use]
    pub fn image(mut self, image: ImageSpec) -> Self {
        self.image = image;
        self
    }

    pub async fn start(self) -> Fleet {
        Fleet::start(self).await
    }
}

/// A server's wish with room for everything.
pub fn server(name: &str, server_type: ServerType) -> ServerSpec {
    let mut settings = HostSettings::default();
    if server_type == ServerType::Hyperv {
        settings.storage = r"D:\drover".into();
        settings.router.carrier = Carrier::Vlan { trunk: "eth1".into(), first: 100 };
    }
    ServerSpec {
        name: name.into(),
        server_type,
        region: "test".into(),
        cores: 1000,
        ram_mb: 1 << 30,
        gb: 1 << 20,
        address: if server_type == ServerType::Hyperv { "robot@windows".into() } else { "local".into() },
        labels: Default::default(),
        enabled: true,
        settings,
    }
}

/// An image that no phantom ever fetches.
pub fn image() -> ImageSpec {
    ImageSpec {
        name: "test".into(),
        source: "/nowhere.img".into(),
        sha256: "0".repeat(64),
        os: "linux2022".into(),
        min_gb: 1,
        firmware: Default::default(),
        cloud_init: true,
        direct_boot: None,
        format: Default::default(),
    }
}

/// The smallest wish that is valid; the API places it.
pub fn vm(image: &Image) -> VmSpec {
    VmSpec {
        cpu: 1,
        ram_mb: 256,
        disks: vec![Disk { name: "root".into(), gb: 1, primary: true, pool: None }],
        nics: Vec::new(),
        dns: Vec::new(),
        ssh_keys: Vec::new(),
        userdata: None,
        admin_password: None,
        image: image.id,
        backup: None,
        server: None,
        labels: Default::default(),
        phantom: None,
    }
}

pub struct Fleet {
    /// With the operator's token.
    pub client: Client,
    pub url: String,
    pub store: Store,
    pub queue: Queue,
    pub locks: locks::Client,
    lock_service: locks::Locks,
    lock_url: String,
    lease_secs: u32,
    pub project: Project,
    pub image: Image,
    pub servers: Vec<Server>,
    worker_token: SecretString,
    stand_ins: Vec<Arc<dyn Host>>,
    ssh: hosts::ssh::SshOptions,
    notify: Arc<[String]>,
    shutdown: CancellationToken,
    dispatcher: Option<tokio::task::JoinHandle<()>>,
    workers: Vec<Running>,
    pub folder: TempDir,
    is_checked: bool,
}

/// A worker on a runtime of its own, so that it can be killed with all that it does.
pub struct Running {
    runtime: Option<Runtime>,
    stop: CancellationToken,
    ended: Option<tokio::sync::oneshot::Receiver<()>>,
}

impl Running {
    /// As `kill -9` would: nothing of it runs on, nothing is said to anyone.
    pub fn kill(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// As SIGTERM would: hands over at the next step boundary.
    pub async fn terminate(mut self) {
        self.stop.cancel();
        if let Some(ended) = self.ended.take() {
            tokio::time::timeout(LIMIT, ended).await.expect("the worker drains").expect("the worker ends well");
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Fleet {
    pub fn setup() -> Setup {
        Setup::default()
    }

    async fn start(setup: Setup) -> Self {
        let folder = TempDir::new().expect("a folder");
        let shutdown = CancellationToken::new();
        let database =
            setup.database.unwrap_or_else(|| format!("sqlite://{}", folder.path().join("drover.db").display()));
        let limits =
            Limits { lease_secs: setup.lease_secs, requeue_secs: 1, requeue_most_secs: 2, ..Limits::default() };
        let store = Store::open(&database, limits).await.expect("the store opens");
        let token = |role: Role| {
            let store = store.clone();
            async move {
                let hosts = if role == Role::Worker { vec!["*".to_owned()] } else { Vec::new() };
                let wish = iaas::tenant::CreateToken {
                    name: format!("{role:?}").to_lowercase(),
                    role,
                    project_id: None,
                    hosts,
                };
                SecretString::from(store.token_create(wish).await.expect("a token").secret)
            }
        };
        let (operator, dispatcher, worker) =
            (token(Role::Operator).await, token(Role::Dispatcher).await, token(Role::Worker).await);

        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(api::run(store.clone(), listener, shutdown.clone()));
        let client = Client::new(&url, operator);

        let (lock_service, lock_url) = crate::locks::start(&shutdown).await;
        let queue = match setup.queue {
            Some(queue) => queue,
            None => Queue::embedded(&folder.path().join("queue")).await.expect("the embedded queue opens"),
        };
        let project = client
            .record_create("projects", &ProjectSpec { name: "test".into(), grace_hours: 0 })
            .await
            .expect("a project");
        let image = client.record_create("images", &setup.image).await.expect("an image");
        let mut fleet = Self {
            client,
            url,
            store,
            queue,
            locks: crate::locks::client(&lock_url, setup.lease_secs),
            lock_service,
            lock_url,
            lease_secs: setup.lease_secs,
            project,
            image,
            servers: Vec::new(),
            worker_token: worker,
            stand_ins: Vec::new(),
            ssh: setup.ssh,
            notify: setup.notify,
            shutdown,
            dispatcher: None,
            workers: Vec::new(),
            folder,
            is_checked: false,
        };
        let hosts =
            if setup.hosts.is_empty() { vec![(server("phantom-1", ServerType::Phantom), None)] } else { setup.hosts };
        for (spec, stand_in) in hosts {
            fleet.servers.push(fleet.client.record_create("servers", &spec).await.expect("a server"));
            fleet.stand_ins.extend(stand_in);
        }
        fleet.dispatch(dispatcher);
        fleet
    }

    fn dispatch(&mut self, token: SecretString) {
        let dispatcher = dispatcher::Dispatcher {
            client: Client::new(&self.url, token),
            outbox: Outbox::new(self.queue.clone()),
            drivers: worker::drivers::ALL,
            name: "test".into(),
            sweep_every: Duration::from_millis(100),
        };
        self.dispatcher = Some(tokio::spawn(dispatcher.run(self.shutdown.clone())));
    }

    /// With the workers' token, for a test that plays a worker itself.
    pub fn worker_client(&self) -> Client {
        Client::new(&self.url, self.worker_token.clone())
    }

    /// Starts a worker that serves every host, and keeps it.
    pub fn work(&mut self) {
        let running = self.worker("worker-1", None);
        self.workers.push(running);
    }

    /// Starts a worker of the test's own.
    pub fn worker(&self, name: &str, hook: Option<Hook>) -> Running {
        let worker = Worker {
            name: name.into(),
            client: Client::new(&self.url, self.worker_token.clone()),
            queue: self.queue.clone(),
            locks: crate::locks::client(&self.lock_url, self.lease_secs),
            ssh: self.ssh.clone(),
            drain: LIMIT,
            stand_ins: self.stand_ins.clone(),
            notify: self.notify.clone(),
            hook,
        };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let stop = CancellationToken::new();
        let (limits, follow) =
            tokio::sync::watch::channel(worker::Limits { hosts: Vec::new(), per_host: 16, per_driver: 16 });
        let (tell, ended) = tokio::sync::oneshot::channel();
        let token = stop.clone();
        runtime.spawn(async move {
            worker.run(follow, Health::default(), token).await;
            drop(limits);
            // Nobody listens after a kill.
            let _ = tell.send(());
        });
        Running { runtime: Some(runtime), stop, ended: Some(ended) }
    }

    pub async fn create<S: Spec>(&self, name: &str, spec: S) -> Accepted<S> {
        let wish = Create { project_id: self.project.id, name: name.into(), spec };
        self.client.create(&wish, &format!("{name}-{}", uuid::Uuid::new_v4())).await.expect("the create is accepted")
    }

    pub async fn ask<S: Spec>(&self, id: ResourceId, state: State) -> Accepted<S> {
        self.client.ask(id, state, false).await.expect("the ask is accepted")
    }

    pub async fn change<S: Spec>(&self, id: ResourceId, patch: Value) -> Accepted<S> {
        let now = self.client.read::<S>(id).await.expect("the resource is there");
        self.client.change(id, now.version, &Change { spec: patch }, false).await.expect("the change is accepted")
    }

    /// The resource, once it is in this state.
    pub async fn reaches<S: Spec>(&self, id: ResourceId, state: State) -> Resource<S> {
        eventually(LIMIT, &format!("{} {id} reaches {state}", S::TYPE), async || {
            match self.client.read::<S>(id).await {
                Ok(resource) if resource.state == state => Ok(resource),
                Ok(resource) => Err(format!("{} {:?}", resource.state, resource.error)),
                Err(failure) => Err(failure.to_string()),
            }
        })
        .await
    }

    /// The task, once it has ended.
    pub async fn ended(&self, task: TaskId) -> Task {
        eventually(LIMIT, &format!("task {task} ends"), async || match self.client.task(task, Duration::ZERO).await {
            Ok(task) if task.status.has_ended() => Ok(task),
            Ok(task) => Err(format!("{} {:?} {:?}", task.status, task.waiting_for, task.steps.last())),
            Err(failure) => Err(failure.to_string()),
        })
        .await
    }

    /// A running router and the id of it.
    pub async fn router(&self) -> ResourceId {
        let accepted = self.create("router", VirtualRouterSpec::default()).await;
        self.reaches::<VirtualRouterSpec>(accepted.resource.id, State::Running).await.id
    }

    /// Ends the fleet, and checks that nothing was left: no task under way, no lock held, no dead letter.
    pub async fn stop(self) {
        let who = Who::local("test", Role::Operator);
        let tasks = self.store.task_list(&Default::default(), &who).await.expect("the tasks").items;
        let open: Vec<_> = tasks
            .iter()
            .filter(|task| !task.status.has_ended())
            .map(|task| (task.id, task.verb, task.status))
            .collect();
        assert!(open.is_empty(), "tasks were left: {open:?}");
        eventually(LIMIT, "all locks are free", async || {
            if self.lock_service.is_idle().await { Ok(()) } else { Err("some are held") }
        })
        .await;
        let dead = self.queue.dead_list(10).await.expect("the dead letters");
        assert!(dead.is_empty(), "dead letters were left: {dead:?}");
        self.end().await;
    }

    /// Ends the fleet of a test that leaves something on purpose.
    pub async fn end(mut self) {
        self.is_checked = true;
        for worker in std::mem::take(&mut self.workers) {
            worker.terminate().await;
        }
        self.shutdown.cancel();
        if let Some(dispatcher) = self.dispatcher.take() {
            dispatcher.await.expect("the dispatcher ends well");
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.shutdown.cancel();
        assert!(self.is_checked || std::thread::panicking(), "end a test's fleet with stop() or end()");
    }
}
