//! An API that listens, with one project, one server and one image, and a token of each role.

use iaas::tenant::{CreateToken, Role};
use model::ProjectId;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use service::config::{LogFormat, Telemetry};
use std::collections::HashMap;
use std::sync::OnceLock;
use store::{Limits, Store};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub const ROLES: [Role; 4] = [Role::Tenant, Role::Operator, Role::Dispatcher, Role::Worker];

/// Problems carry the trace that they belong to.
static TELEMETRY: OnceLock<service::Guard> = OnceLock::new();

fn quiet() -> Telemetry {
    Telemetry { otlp_endpoint: None, log_format: LogFormat::Json, log_level: "off".into() }
}

pub struct Api {
    url: String,
    http: Client,
    tokens: HashMap<&'static str, String>,
    pub store: Store,
    shutdown: CancellationToken,
    _folder: TempDir,
}

impl Drop for Api {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}"));
        value.to_str().expect("text")
    }

    /// It is a problem document with this code, and says what to do.
    pub fn refuses(&self, status: u16, code: &str) -> &Self {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{:#}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        for member in ["type", "title", "detail", "hint", "trace_id"] {
            assert!(self.body[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {:#}", self.body);
        }
        assert_eq!(self.body["status"], json!(status));
        self
    }

    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{:#}", self.body);
        self
    }
}

pub fn name(role: Role) -> &'static str {
    match role {
        Role::Tenant => "tenant",
        Role::Operator => "operator",
        Role::Dispatcher => "dispatcher",
        Role::Worker => "worker",
    }
}

pub const OPERATOR: &str = "operator";
pub const TENANT: &str = "tenant";
pub const WORKER: &str = "worker";

impl Api {
    pub async fn start() -> Self {
        TELEMETRY.get_or_init(|| service::start("test", &quiet()).expect("the telemetry starts"));
        let folder = TempDir::new().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("drover.db").display());
        let store = Store::open(&url, Limits::default()).await.expect("the store opens");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shutdown = CancellationToken::new();
        tokio::spawn(api::run(store.clone(), listener, shutdown.clone()));
        let mut api = Self { url, http: Client::new(), tokens: HashMap::new(), store, shutdown, _folder: folder };
        api.token(OPERATOR, Role::Operator, 0, "").await;
        api.post(OPERATOR, "/v1/projects", json!({ "name": "one" })).await.is(201);
        api.post(OPERATOR, "/v1/projects", json!({ "name": "two" })).await.is(201);
        for role in ROLES {
            api.token(name(role), role, 1, "host-1").await;
        }
        let server = json!({ "name": "host-1", "type": "phantom", "cores": 64, "ram_mb": 65536, "gb": 1000 });
        api.post(OPERATOR, "/v1/servers", server).await.is(201);
        let image =
            json!({ "name": "tiny", "source": "/tiny.img", "sha256": "0".repeat(64), "os": "linux2022", "min_gb": 1 });
        api.post(OPERATOR, "/v1/images", image).await.is(201);
        api
    }

    /// A token under a name of the test's own.
    pub async fn token(&mut self, name: &'static str, role: Role, project: i64, host: &str) {
        let wish = CreateToken {
            name: name.into(),
            role,
            project_id: (role == Role::Tenant).then_some(ProjectId(project)),
            hosts: if role == Role::Worker { vec![host.to_owned()] } else { Vec::new() },
        };
        let made = self.store.token_create(wish).await.expect("a token");
        self.tokens.insert(name, made.secret);
    }

    /// A request with this token; none for no token.
    pub fn ask(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match self.tokens.get(token) {
            Some(secret) => request.bearer_auth(secret),
            None => request,
        }
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.expect("the API answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a body");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, headers, body }
    }

    pub async fn get(&self, token: &str, path: &str) -> Answer {
        self.send(self.ask(token, Method::GET, path)).await
    }

    pub async fn post(&self, token: &str, path: &str, body: Value) -> Answer {
        self.send(self.ask(token, Method::POST, path).json(&body)).await
    }

    pub async fn vm(&self, token: &str, name: &str) -> Answer {
        self.post(token, "/v1/vms", wish(1, name)).await
    }
}

/// The smallest wish for a VM.
pub fn wish(project: i64, name: &str) -> Value {
    let disks = json!([{ "name": "root", "gb": 1, "primary": true }]);
    json!({ "project_id": project, "name": name, "spec": { "cpu": 1, "ram_mb": 256, "disks": disks, "image": 1 } })
}
