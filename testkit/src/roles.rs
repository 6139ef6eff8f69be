//! The roles apart, as processes of the built binary over a real RabbitMQ and a real PostgreSQL, to be killed and paused.

use crate::eventually;
use crate::fleet::{LIMIT, image};
use crate::real::{self, Broker, Database, run};
use iaas::Client;
use iaas::tenant::{Accepted, Create};
use model::image::{Image, ImageSpec};
use model::project::{Project, ProjectSpec};
use model::resource::Spec;
use model::server::{Server, ServerSpec};
use model::vm::VmSpec;
use model::{ResourceId, State, TaskId};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

pub const ROLES: [&str; 4] = ["api", "locks", "dispatch", "worker"];

/// The binary beside the tests, or the one that `DROVER_TEST_BINARY` names.
pub fn binary() -> PathBuf {
    std::env::var_os("DROVER_TEST_BINARY").map_or_else(
        || {
            let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
            let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
            target.join("debug/drover")
        },
        PathBuf::from,
    )
}

pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

struct Role {
    child: Child,
    /// `api`, `worker`, ..
    verb: &'static str,
    environment: BTreeMap<String, String>,
}

/// A fleet of processes, each known by a name; all are killed with it.
pub struct Roles {
    roles: BTreeMap<String, Role>,
    common: BTreeMap<String, String>,
    worker_token: String,
    folder: TempDir,
    pub broker: Broker,
    _database: Database,
    pub client: Client,
    pub server: Server,
    pub project: Project,
    pub image: Image,
}

impl Drop for Roles {
    fn drop(&mut self) {
        for role in self.roles.values_mut() {
            // It may have ended by itself; what counts is that it is gone.
            let _ = role.child.kill();
            let _ = role.child.wait();
        }
    }
}

fn key(name: &str) -> String {
    format!("DROVER_{name}")
}

impl Roles {
    /// API, lock service, dispatcher, and one worker of this host.
    pub async fn start(server: ServerSpec) -> Self {
        Self::start_with(server, &[]).await
    }

    /// With settings of the test's own: `("WORKER__PER_HOST", "64")`.
    pub async fn start_with(server: ServerSpec, settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let (broker, database) = (real::broker(), real::database("roles"));
        let [api, locks] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
        let token_file = folder.path().join("operator.token");
        let mut common = BTreeMap::from([
            (key("API__DATABASE"), database.url.clone()),
            (key("API__OPERATOR_TOKEN_FILE"), token_file.display().to_string()),
            (key("CLIENT__URL"), format!("http://{api}")),
            (key("QUEUE__URL"), broker.url.clone()),
            (key("LOCKS__URL"), format!("http://{locks}")),
            (key("LOCKS__REGISTERS"), format!("file://{}", folder.path().join("locks").display())),
            (key("LOCKS__TOKEN"), "locks-canary".to_owned()),
            (key("LOCKS__OPERATOR_TOKEN"), "locks-operator-canary".to_owned()),
            (key("TELEMETRY__LOG_FORMAT"), "json".to_owned()),
        ]);
        common.extend(settings.iter().map(|(name, value)| (key(name), (*value).to_owned())));
        // Until the operator's token is there, nobody can be asked for anything.
        let early = Role::start("api", "api", with(&common, "API__LISTEN", api.clone()), &folder);
        let secret = eventually(LIMIT, "the operator's token is written", async || {
            let secret = std::fs::read_to_string(&token_file).ok().filter(|secret| secret.ends_with('\n'));
            secret.ok_or_else(|| std::fs::read_to_string(folder.path().join("api.log")).unwrap_or_default())
        })
        .await;
        let client = Client::new(&format!("http://{api}"), SecretString::from(secret.trim().to_owned()));
        let project = eventually(LIMIT, "the API answers", async || {
            client.record_create("projects", &ProjectSpec { name: "test".into(), grace_hours: 0 }).await
        })
        .await;
        let server: Server = client.record_create("servers", &server).await.expect("a server");
        let source = "https://user:source-canary@images/image.qcow2".into();
        let image = client.record_create("images", &ImageSpec { source, ..image() }).await.expect("an image");
        let token = async |name: &str, hosts: &[&str]| {
            let wish = json!({ "name": name, "role": name, "hosts": hosts });
            let wish = serde_json::from_value(wish).expect("a token's wish");
            client.token_create(&wish).await.expect("a token").secret
        };
        let dispatcher = token("dispatcher", &[]).await;
        let worker_token = token("worker", &[&server.spec.name]).await;
        let roles = BTreeMap::from([("api".to_owned(), early)]);
        let mut fleet =
            Self { roles, common, worker_token, folder, broker, _database: database, client, server, project, image };
        let listening = with(&fleet.common, "LOCKS__LISTEN", locks);
        fleet.run("locks", "locks", listening);
        let mut dispatch = with(&fleet.common, "DISPATCH__LISTEN", format!("127.0.0.1:{}", free_port()));
        dispatch.insert(key("CLIENT__TOKEN"), dispatcher);
        fleet.run("dispatch", "dispatch", dispatch);
        fleet.worker("worker", &[]);
        fleet
    }

    /// One more worker of the same host.
    pub fn worker(&mut self, name: &str, settings: &[(&str, &str)]) {
        let mut own = with(&self.common, "WORKER__LISTEN", format!("127.0.0.1:{}", free_port()));
        own.insert(key("CLIENT__TOKEN"), self.worker_token.clone());
        own.insert(key("WORKER__NAME"), name.to_owned());
        own.extend(settings.iter().map(|(name, value)| (key(name), (*value).to_owned())));
        self.run(name, "worker", own);
    }

    fn run(&mut self, name: &str, verb: &'static str, environment: BTreeMap<String, String>) {
        self.roles.insert(name.to_owned(), Role::start(name, verb, environment, &self.folder));
    }

    fn role(&self, name: &str) -> &Role {
        self.roles.get(name).unwrap_or_else(|| panic!("no role runs as {name}"))
    }

    pub fn pid(&self, name: &str) -> u32 {
        self.role(name).child.id()
    }

    pub fn signal(&self, name: &str, signal: &str) {
        run("kill", &[signal, &self.pid(name).to_string()]);
    }

    /// `kill -9`, and started again.
    pub fn kill(&mut self, name: &str) {
        let mut dead = self.roles.remove(name).unwrap_or_else(|| panic!("no role runs as {name}"));
        dead.child.kill().expect("it is killed");
        dead.child.wait().expect("it is gone");
        self.run(name, dead.verb, std::mem::take(&mut dead.environment));
    }

    /// SIGTERM; gives how it ended.
    pub async fn terminate(&mut self, name: &str) -> std::process::ExitStatus {
        self.signal(name, "-TERM");
        let mut role = self.roles.remove(name).unwrap_or_else(|| panic!("no role runs as {name}"));
        eventually(LIMIT, &format!("{name} ends"), async || {
            role.child.try_wait().expect("its status").ok_or("it still runs")
        })
        .await
    }

    /// What a command of the binary answers as JSON, with the roles' own settings.
    pub fn command(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(binary());
        command.args(arguments).arg("--json").envs(&self.common).stdin(Stdio::null());
        let output = command.output().expect("the binary runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Status and text of a page of a worker's own: `/readyz`.
    pub async fn page(&self, name: &str, path: &str) -> (u16, String) {
        let listen = &self.role(name).environment[&key("WORKER__LISTEN")];
        let answer = reqwest::get(format!("http://{listen}{path}")).await.expect("the worker answers");
        (answer.status().as_u16(), answer.text().await.expect("a page"))
    }

    /// What it has logged so far, over all its starts.
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("{name}.log"))).expect("the role's log")
    }

    pub async fn create<S: Spec>(&self, name: &str, spec: S) -> (ResourceId, TaskId) {
        let wish = Create { project_id: self.project.id, name: name.into(), spec };
        let made: Accepted<S> = eventually(LIMIT, "the create is accepted", async || {
            // The same key each time: an answer that got lost makes no second VM.
            self.client.create(&wish, &format!("key-{name}")).await
        })
        .await;
        (made.resource.id, made.task_id)
    }

    /// The VM is in one of these states.
    pub async fn is_in(&self, id: ResourceId, states: &[State], limit: Duration) {
        eventually(limit, &format!("vm {id} is in {states:?}"), async || match self.client.read::<VmSpec>(id).await {
            Ok(vm) if states.contains(&vm.state) => Ok(()),
            Ok(vm) => Err(format!("{} {:?}", vm.state, vm.error)),
            Err(failure) => Err(failure.to_string()),
        })
        .await;
    }
}

fn with(common: &BTreeMap<String, String>, name: &str, value: String) -> BTreeMap<String, String> {
    let mut own = common.clone();
    own.insert(key(name), value);
    own
}

impl Role {
    fn start(name: &str, verb: &'static str, environment: BTreeMap<String, String>, folder: &TempDir) -> Self {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.path().join(format!("{name}.log")));
        let log = log.expect("the role's log");
        let mut command = Command::new(binary());
        command.arg(verb).envs(&environment).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("the role starts: build it with cargo build");
        Self { child, verb, environment }
    }
}
