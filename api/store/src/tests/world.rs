//! A small fleet in a fresh database, with a clock that is moved by hand.

use crate::{Answer, Idempotency, Limits, Refusal, Store, Who};
use iaas::fleet::{Claim, Claimed, Outcome, Progress, Release, Settle, Wait};
use iaas::tenant::{Accepted, Create, Role};
use model::image::Image;
use model::project::{Project, ProjectSpec};
use model::server::{Server, ServerSpec};
use model::task::{ErrorRecord, Step, StepOutcome, Task};
use model::virtual_router::VirtualRouterSpec;
use model::vm::VmSpec;
use model::{Fence, Moment, ResourceId, ServerType, State, TaskId};
use serde_json::json;
use sqlx::{AnyConnection, Connection};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

pub(crate) struct World {
    pub store: Store,
    pub url: String,
    clock: Arc<AtomicI64>,
}

pub(crate) async fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(World) -> F) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite://{}", folder.path().join("drover.db").display());
    test(World::open(url).await).await;
}

pub(crate) async fn on_postgres<F: Future<Output = ()>>(test: impl FnOnce(World) -> F) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let Ok(admin) = std::env::var("DROVER_TEST_POSTGRES") else {
        eprintln!("skipped: DROVER_TEST_POSTGRES is not set");
        return;
    };
    let name = format!("drover_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut url: url::Url = admin.parse().expect("DROVER_TEST_POSTGRES is a URL");
    url.set_path(&name);
    run(&admin, format!("CREATE DATABASE {name}")).await;
    test(World::open(url.to_string()).await).await;
    run(&admin, format!("DROP DATABASE {name} WITH (FORCE)")).await;
}

/// A statement on a connection of its own.
pub(crate) async fn run(url: &str, sql: String) {
    crate::connect::Target::parse(url).expect("a URL");
    let mut connection = AnyConnection::connect(url).await.expect("a database");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.expect("a statement that works");
    connection.close().await.expect("a clean end");
}

/// 2026-01-01T00:00:00Z
const START: i64 = 1_767_225_600_000_000;

impl World {
    async fn open(url: String) -> Self {
        let clock = Arc::new(AtomicI64::new(START));
        let store = open(&url, &clock).await.expect("a store");
        Self { store, url, clock }
    }

    /// Another store on the same database, with the same clock: another process, or the same one after a restart.
    pub async fn another(&self) -> Store {
        open(&self.url, &self.clock).await.expect("a store")
    }

    pub fn pass(&self, secs: i64) {
        self.clock.fetch_add(secs * 1_000_000, Ordering::SeqCst);
    }

    pub fn now(&self) -> Moment {
        self.store.now()
    }

    pub async fn project(&self) -> Project {
        let spec = ProjectSpec { name: "web".into(), grace_hours: 168 };
        self.store.project_create(spec).await.expect("a project")
    }

    pub async fn server(&self, name: &str, server_type: ServerType, (cores, ram_mb, gb): (u32, u64, u64)) -> Server {
        let spec = json!({"name": name, "type": server_type, "cores": cores, "ram_mb": ram_mb, "gb": gb});
        let spec: ServerSpec = serde_json::from_value(spec).expect("a server's wish");
        self.store.server_create(spec).await.expect("a server")
    }

    pub async fn image(&self) -> Image {
        let spec = json!({"name": "debian", "source": "/images/debian", "sha256": "0".repeat(64), "os": "debian12", "min_gb": 5});
        self.store.image_create(serde_json::from_value(spec).expect("an image's wish")).await.expect("an image")
    }

    /// A project, an image, and a phantom server that holds 100 small VMs.
    pub async fn fleet(&self) -> Fleet {
        let (project, image) = (self.project().await, self.image().await);
        let server = self.server("phantom-1", ServerType::Phantom, (100, 102_400, 1000)).await;
        Fleet { project, image, server }
    }

    pub async fn vm(&self, fleet: &Fleet) -> Accepted<VmSpec> {
        self.store.resource_create(fleet.vm("web-1"), &operator(), trace(), None).await.expect("a VM")
    }

    pub async fn router(&self, fleet: &Fleet) -> Accepted<VirtualRouterSpec> {
        let wish = Create { project_id: fleet.project.id, name: "router".into(), spec: VirtualRouterSpec::default() };
        self.store.resource_create(wish, &operator(), None, None).await.expect("a router")
    }

    pub async fn task(&self, id: TaskId) -> Task {
        self.store.task_read(id, &operator()).await.expect("a task")
    }

    pub async fn state(&self, id: ResourceId) -> State {
        self.store.resource_read::<VmSpec>(id, &operator()).await.expect("a VM").state
    }

    /// Claims as a worker does: with the version that it has just read.
    pub async fn claim(&self, id: TaskId) -> Answer<Claimed> {
        let assignment = self.store.assignment(id, &worker()).await?;
        let claim = Claim { worker: "w1".into(), version: assignment.resource.version, steps: Vec::new() };
        self.store.task_claim(id, claim, &worker()).await
    }

    pub async fn settle(&self, id: TaskId, fence: Fence, outcome: Outcome) -> Answer<()> {
        let settle = Settle {
            fence: Some(fence),
            worker: "w1".into(),
            outcome,
            facts: Default::default(),
            steps: Vec::new(),
            steps_total: None,
        };
        self.store.task_settle(id, settle, &worker()).await
    }

    pub async fn renew(&self, id: TaskId, fence: Fence) -> Answer<iaas::fleet::Renewed> {
        let progress = Progress { fence, steps: Vec::new(), steps_total: None };
        self.store.task_progress(id, progress, &worker()).await
    }

    pub async fn wait_for(&self, id: TaskId, fence: Option<Fence>, other: Option<ResourceId>) -> Answer<()> {
        let reason = "something else".to_owned();
        let wait = Wait {
            fence,
            reason,
            resource_id: other,
            retry_secs: 60,
            fault: None,
            untouched: false,
            steps: Vec::new(),
            steps_total: None,
        };
        self.store.task_wait(id, wait, &worker()).await
    }

    pub async fn release(&self, id: TaskId, fence: Fence) -> Answer<()> {
        self.store
            .task_release(id, Release { fence, untouched: false, steps: Vec::new(), steps_total: None }, &worker())
            .await
    }

    /// Claims and succeeds.
    pub async fn carry_out(&self, id: TaskId) {
        let claimed = self.claim(id).await.expect("a claim");
        self.settle(id, claimed.fence, Outcome::Succeeded).await.expect("an end");
    }

    pub async fn running_vm(&self, fleet: &Fleet) -> Accepted<VmSpec> {
        let mut made = self.vm(fleet).await;
        self.carry_out(made.task_id).await;
        made.resource = self.store.resource_read(made.resource.id, &operator()).await.expect("a VM");
        made
    }

    pub async fn ask(&self, id: ResourceId, state: State) -> Answer<TaskId> {
        let accepted: Accepted<VmSpec> = self.store.resource_ask(id, state, &operator(), None, false).await?;
        Ok(accepted.task_id)
    }

    pub async fn used(&self, fleet: &Fleet) -> (u32, u64, u64) {
        let used = self.store.server_read(fleet.server.id).await.expect("a server").used;
        (used.cores, used.ram_mb, used.gb)
    }

    /// What a dispatcher gets now.
    pub async fn feed(&self) -> Vec<TaskId> {
        let events = self.store.feed_take(1000).await.expect("a feed");
        events.into_iter().filter_map(|event| event.task_id).collect()
    }
}

async fn open(url: &str, clock: &Arc<AtomicI64>) -> Answer<Store> {
    let clock = Arc::clone(clock);
    let now = move || Moment::from_microsecond(clock.load(Ordering::SeqCst)).expect("a moment");
    Store::open_with(url, Limits::default(), Arc::new(now)).await
}

pub(crate) struct Fleet {
    pub project: Project,
    pub image: Image,
    pub server: Server,
}

impl Fleet {
    /// 1 core, 1,024 MB, 10 GB.
    pub fn vm(&self, name: &str) -> Create<VmSpec> {
        let disks = json!([{"name": "root", "gb": 10, "primary": true}]);
        let spec =
            json!({"cpu": 1, "ram_mb": 1024, "disks": disks, "nics": [{"segment": "web"}], "image": self.image.id});
        let spec = serde_json::from_value(spec).expect("a VM's wish");
        Create { project_id: self.project.id, name: name.to_owned(), spec }
    }
}

pub(crate) fn operator() -> Who {
    Who::local("olga", Role::Operator)
}

pub(crate) fn worker() -> Who {
    Who::local("w1", Role::Worker)
}

pub(crate) fn tenant(project: &Project) -> Who {
    Who { project_id: Some(project.id), ..Who::local("tina", Role::Tenant) }
}

pub(crate) fn trace() -> Option<String> {
    Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into())
}

pub(crate) fn key(key: &str, hash: &str) -> Option<Idempotency> {
    Some(Idempotency { key: key.into(), token_id: 1, request_hash: hash.into() })
}

pub(crate) fn error() -> ErrorRecord {
    let fault = errors::Fault::new(&errors::driver::REHEARSED).hole("step", "boot");
    ErrorRecord::of(&fault, Some((model::Kind::VmPhantom, model::Verb::Build)), Some("phantom-1"))
}

pub(crate) fn step(number: u32, name: &str, outcome: StepOutcome, at: Moment) -> Step {
    let ended_at = (outcome != StepOutcome::Running).then_some(at);
    Step { attempt: 1, number, name: name.into(), outcome, started_at: at, ended_at, note: None }
}

/// The code of a refusal.
#[track_caller]
pub(crate) fn code<T: std::fmt::Debug>(answer: Answer<T>) -> &'static str {
    refusal(answer).fault.entry.code
}

#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(answer: Answer<T>) -> Refusal {
    answer.expect_err("a refusal")
}
