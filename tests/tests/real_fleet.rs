//! The roles apart, as processes of the shipped binary over a real RabbitMQ and a real PostgreSQL: each is killed in turn with
//! work in flight, and every resource ends where it was asked to go.

use iaas::Client;
use iaas::tenant::{Accepted, Create};
use model::image::{Image, ImageSpec};
use model::project::{Project, ProjectSpec};
use model::server::Server;
use model::vm::{PhantomScript, VmSpec};
use model::{ResourceId, ServerType, State, TaskId};
use secrecy::SecretString;
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use testkit::eventually;
use testkit::fleet::{server, vm};
use testkit::real::{self, Broker, Database};

/// What a kill may cost at most: a lease of 15 s and the sweep; with room for a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

fn binary() -> PathBuf {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    target.join("debug/drover")
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// The roles as processes; all are killed with it.
struct Fleet {
    environment: HashMap<String, String>,
    processes: HashMap<&'static str, Child>,
    folder: TempDir,
    broker: Broker,
    _database: Database,
    client: Client,
    server: Server,
    project: Project,
    image: Image,
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for child in self.processes.values_mut() {
            // It may have ended by itself; what counts is that it is gone.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

const ROLES: [&str; 4] = ["api", "locks", "dispatch", "worker"];

fn start(role: &str, environment: &HashMap<String, String>, folder: &TempDir) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.path().join(format!("{role}.log")));
    let log = log.expect("the role's log");
    let mut command = Command::new(binary());
    command.arg(role).envs(environment).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command.spawn().expect("the role starts: build it with cargo build")
}

impl Fleet {
    async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let (broker, database) = (real::broker(), real::database("fleet"));
        let ports: HashMap<&str, u16> = ROLES.iter().map(|role| (*role, free_port())).collect();
        let at = |role: &str| format!("127.0.0.1:{}", ports[role]);
        let token_file = folder.path().join("operator.token");
        let mut environment: HashMap<String, String> = HashMap::new();
        let mut set = |key: &str, value: String| environment.insert(format!("DROVER_{key}"), value);
        set("API__LISTEN", at("api"));
        set("API__DATABASE", database.url.clone());
        set("API__OPERATOR_TOKEN_FILE", token_file.display().to_string());
        set("CLIENT__URL", format!("http://{}", at("api")));
        set("QUEUE__URL", broker.url.clone());
        set("LOCKS__LISTEN", at("locks"));
        set("LOCKS__URL", format!("http://{}", at("locks")));
        set("LOCKS__TOKEN", "locks-canary".into());
        set("LOCKS__OPERATOR_TOKEN", "locks-operator-canary".into());
        set("DISPATCH__LISTEN", at("dispatch"));
        set("WORKER__LISTEN", at("worker"));
        set("TELEMETRY__LOG_FORMAT", "json".into());

        let mut processes = HashMap::from([("api", start("api", &environment, &folder))]);
        let secret =
            eventually(LIMIT, "the operator's token is written", async || match std::fs::read_to_string(&token_file) {
                Ok(secret) if secret.ends_with('\n') => Ok(secret.trim().to_owned()),
                other => Err(format!("{other:?}")),
            })
            .await;
        let client = Client::new(&format!("http://{}", at("api")), SecretString::from(secret));
        let project = eventually(LIMIT, "the API answers", async || {
            client.record_create("projects", &ProjectSpec { name: "fleet".into(), grace_hours: 0 }).await
        })
        .await;
        let server = client.record_create("servers", &server("host-1", ServerType::Phantom)).await.expect("a server");
        let image = ImageSpec {
            name: "image".into(),
            source: "https://user:source-canary@images/image.qcow2".into(),
            sha256: "0".repeat(64),
            os: "linux2022".into(),
            min_gb: 1,
            firmware: Default::default(),
            cloud_init: true,
            direct_boot: None,
        };
        let image = client.record_create("images", &image).await.expect("an image");
        for (role, hosts) in [("dispatcher", Vec::new()), ("worker", vec!["host-1"])] {
            let wish = serde_json::json!({ "name": role, "role": role, "hosts": hosts });
            let wish = serde_json::from_value(wish).expect("a token's wish");
            let token = client.token_create(&wish).await.expect("a token").secret;
            let mut own = environment.clone();
            own.insert("DROVER_CLIENT__TOKEN".into(), token.clone());
            environment.insert(format!("token of {role}"), token);
            let role = if role == "worker" { "worker" } else { "dispatch" };
            processes.insert(role, start(role, &own, &folder));
        }
        processes.insert("locks", start("locks", &environment, &folder));
        Self { environment, processes, folder, broker, _database: database, client, server, project, image }
    }

    /// `kill -9`, and started again.
    fn kill(&mut self, role: &'static str) {
        let mut child = self.processes.remove(role).expect("the role runs");
        child.kill().expect("it is killed");
        child.wait().expect("it is gone");
        let mut environment = self.environment.clone();
        let owner = if role == "dispatch" { "dispatcher" } else { role };
        if let Some(token) = environment.get(&format!("token of {owner}")).cloned() {
            environment.insert("DROVER_CLIENT__TOKEN".into(), token);
        }
        self.processes.insert(role, start(role, &environment, &self.folder));
    }

    /// A VM whose build takes a second and more.
    async fn create(&self, name: &str) -> (ResourceId, TaskId) {
        let mut spec = vm(&self.image, &self.server);
        spec.userdata = Some("#cloud-config\npassword: userdata-canary\n".into());
        spec.phantom = Some(PhantomScript { delay_ms: 400, ..PhantomScript::default() });
        let wish = Create { project_id: self.project.id, name: name.into(), spec };
        let key = format!("key-{name}");
        let made: Accepted<VmSpec> =
            eventually(LIMIT, "the create is accepted", async || self.client.create(&wish, &key).await).await;
        (made.resource.id, made.task_id)
    }

    async fn is_in(&self, id: ResourceId, states: &[State]) {
        eventually(LIMIT, &format!("vm {id} is in {states:?}"), async || match self.client.read::<VmSpec>(id).await {
            Ok(vm) if states.contains(&vm.state) => Ok(()),
            Ok(vm) => Err(format!("{} {:?}", vm.state, vm.error)),
            Err(failure) => Err(failure.to_string()),
        })
        .await;
    }
}

#[tokio::test]
async fn real_fleet_each_role_is_killed_in_turn_and_every_vm_runs() {
    let mut fleet = Fleet::start().await;
    let (first, _) = fleet.create("first").await;
    fleet.is_in(first, &[State::Running]).await;
    for role in ROLES {
        let mut made = Vec::new();
        for n in 0..4 {
            made.push(fleet.create(&format!("{role}-{n}")).await);
        }
        fleet.is_in(made[0].0, &[State::Building, State::Running]).await;
        fleet.kill(role);
        for (id, _) in made {
            fleet.is_in(id, &[State::Running]).await;
        }
    }
    let mut made = Vec::new();
    for n in 0..4 {
        made.push(fleet.create(&format!("broker-{n}")).await);
    }
    fleet.broker.restart();
    for (id, _) in made {
        fleet.is_in(id, &[State::Running]).await;
    }

    // What is secret is in no log, and in no dead letter.
    for role in ROLES {
        let log = std::fs::read_to_string(fleet.folder.path().join(format!("{role}.log"))).expect("the role's log");
        assert!(!log.is_empty(), "{role} logs nothing");
        let shown: Vec<&str> = log.lines().filter(|line| line.contains("canary") || line.contains("drv_")).collect();
        assert!(shown.is_empty(), "{role} logs a secret: {shown:?}");
    }
    let queue = queue::Queue::rabbitmq(SecretString::from(fleet.broker.url.clone())).await.expect("the url is one");
    let letters = eventually(LIMIT, "the dead letters are listed", async || queue.dead_list(1000).await).await;
    let shown = serde_json::to_string(&letters).expect("letters");
    assert!(!shown.contains("canary") && !shown.contains("drv_"), "a dead letter holds a secret: {shown}");
}
