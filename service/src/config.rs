//! Configuration: flag over environment (`DROVER_<SECTION>__<KEY>`) over file (TOML) over default.

use errors::Fault;
use figment::providers::{Env, Format, Serialized, Toml};
pub use figment::value::Dict;
use figment::value::Value;
use figment::{Figment, Profile, Source};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Read when no other file is named, if it is there.
pub const DEFAULT_FILE: &str = "/etc/drover/drover.toml";

/// One key: what it is, for the reference page, with the default where there is one.
struct Key {
    name: &'static str,
    default: Option<fn() -> Value>,
    secret: bool,
    what: &'static str,
}

const fn key(name: &'static str, default: Option<fn() -> Value>, what: &'static str) -> Key {
    Key { name, default, secret: false, what }
}

const fn secret(name: &'static str, what: &'static str) -> Key {
    Key { name, default: None, secret: true, what }
}

/// Every key there is. A secret `x` may be given as `x_file` too.
const KEYS: &[Key] = &[
    key("api.listen", Some(|| Value::from("127.0.0.1:7070")), "where the API listens"),
    secret("api.database", "`sqlite://FILE` or `postgres://...`; required by `drover api`"),
    key("api.lease_secs", Some(|| Value::from(15)), "how long an attempt lives without a renewal"),
    key(
        "api.drift_secs",
        Some(|| Value::from(86_400)),
        "how often a resource at rest is compared with its record; 0 for never",
    ),
    key(
        "api.survey_secs",
        Some(|| Value::from(3600)),
        "how often a host is surveyed for what has no record; 0 for never",
    ),
    key("api.queue_deadline_secs", Some(|| Value::from(3600)), "when a task that no worker begins fails"),
    key(
        "api.operator_token_file",
        None,
        "where a first operator's token is written, mode 0600, when the database has none",
    ),
    key("client.url", Some(|| Value::from("http://127.0.0.1:7070")), "how the API is reached"),
    secret("client.token", "the bearer token"),
    secret("queue.url", "`amqp://...`; required by the roles apart from `up`"),
    key("locks.listen", Some(|| Value::from("127.0.0.1:7071")), "where the lock service listens"),
    secret(
        "locks.registers",
        "where the lock service keeps holders, waiters and fences: `file://FOLDER`, `postgres://...`, which several lock \
         services may share, or `memory:`, which forgets them with the process; required by `drover locks`",
    ),
    key(
        "locks.url",
        Some(|| Value::from("http://127.0.0.1:7071")),
        "how the lock service is reached; several that share their registers with commas between",
    ),
    key("locks.lease_secs", Some(|| Value::from(15)), "how long a lock is held without a renewal"),
    secret("locks.token", "what workers present to the lock service"),
    secret("locks.operator_token", "what `drover lock` presents to the lock service"),
    key(
        "dispatch.name",
        None,
        "who holds the sweep's lease, for logs; the machine's name and the process id when left out",
    ),
    key("dispatch.listen", Some(|| Value::from("127.0.0.1:7072")), "where the dispatcher's health and metrics are"),
    key("dispatch.sweep_secs", Some(|| Value::from(2)), "how often the sweep is asked for"),
    key("worker.name", None, "stands in tasks and heartbeats; the machine's name and the process id when left out"),
    key(
        "worker.hosts",
        Some(|| Value::from(Vec::<Value>::new())),
        "the hosts to serve, by server name; all that the token covers when empty",
    ),
    key("worker.listen", Some(|| Value::from("127.0.0.1:7073")), "where the worker's health and metrics are"),
    key("worker.per_host", Some(|| Value::from(4)), "attempts at once on one host"),
    key("worker.per_driver", Some(|| Value::from(16)), "attempts at once of one driver"),
    key(
        "worker.drain_secs",
        Some(|| Value::from(8)),
        "how long attempts may take to reach a step boundary at shutdown",
    ),
    key(
        "worker.notify",
        Some(|| Value::from(Vec::<Value>::new())),
        "a program with its arguments, a mailer say, that gets each failed task as JSON on its stdin",
    ),
    key("worker.ssh_identity", None, "private key file for hosts that are reached over SSH"),
    key("worker.known_hosts", None, "known hosts file; a host that is not in it is refused"),
    key(
        "telemetry.otlp_endpoint",
        None,
        "OTLP over HTTP, `http://jaeger:4318`; OTEL_EXPORTER_OTLP_ENDPOINT does the same",
    ),
    key("telemetry.log_format", Some(|| Value::from("auto")), "`text`, `json`, or `auto`: text on a terminal"),
    key("telemetry.log_level", Some(|| Value::from("info")), "as RUST_LOG, which goes before it"),
];

#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    pub api: Api,
    pub client: Client,
    #[serde(default)]
    pub queue: Queue,
    pub locks: Locks,
    pub dispatch: Dispatch,
    pub worker: Worker,
    pub telemetry: Telemetry,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Api {
    pub listen: String,
    pub database: Option<SecretString>,
    pub lease_secs: u32,
    pub drift_secs: u32,
    pub survey_secs: u32,
    pub queue_deadline_secs: u32,
    pub operator_token_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Client {
    pub url: String,
    pub token: Option<SecretString>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Queue {
    pub url: Option<SecretString>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Locks {
    pub listen: String,
    pub registers: Option<SecretString>,
    pub url: String,
    pub lease_secs: u32,
    pub token: Option<SecretString>,
    pub operator_token: Option<SecretString>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Dispatch {
    pub name: Option<String>,
    pub listen: String,
    pub sweep_secs: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Worker {
    pub name: Option<String>,
    pub hosts: Vec<String>,
    pub listen: String,
    pub per_host: usize,
    pub per_driver: usize,
    pub drain_secs: u64,
    pub notify: Vec<String>,
    pub ssh_identity: Option<PathBuf>,
    pub known_hosts: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Telemetry {
    pub otlp_endpoint: Option<String>,
    pub log_format: LogFormat,
    pub log_level: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Auto,
    Text,
    Json,
}

/// What is in force, and where each value comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    values: Vec<Shown>,
    file: Option<PathBuf>,
    flags: Dict,
}

/// A key as it is shown; a secret's value is not.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    pub key: String,
    pub value: String,
    pub origin: String,
}

impl Loaded {
    pub fn values(&self) -> Vec<Shown> {
        self.values.clone()
    }

    /// The same sources read again, for SIGHUP.
    pub fn again(&self) -> Result<Self, Fault> {
        load(self.flags.clone(), self.file.as_deref())
    }
}

/// What was typed, by section and key.
pub fn flags<T: Serialize>(sections: &T) -> Dict {
    figment::Provider::data(&Serialized::globals(sections))
        .ok()
        .and_then(|mut data| data.remove(&Profile::Global))
        .unwrap_or_default()
}

/// `flags` holds what was typed.
pub fn load(flags: Dict, file: Option<&Path>) -> Result<Loaded, Fault> {
    let invalid = |reason: String| Fault::new(&errors::operate::CONFIG_INVALID).hole("reason", reason);
    let mut figment = Figment::new();
    for key in KEYS {
        if let Some(default) = key.default {
            figment = figment.merge(Serialized::default(key.name, default()));
        }
    }
    let path = file.map_or_else(|| PathBuf::from(DEFAULT_FILE), Path::to_path_buf);
    if file.is_some() && !path.is_file() {
        return Err(invalid(format!("the file {} is not there", path.display())));
    }
    if path.is_file() {
        figment = figment.merge(Toml::file_exact(&path));
    }
    // DROVER_CONFIG and DROVER_DATA are flags of the command line, not keys.
    let environment = Env::prefixed("DROVER_")
        .ignore(&["config", "data"])
        .filter(|key| !key.as_str().to_ascii_lowercase().starts_with("test_"))
        .split("__");
    figment = figment.merge(environment);
    figment = figment.merge(Serialized::globals(flags.clone()));
    figment = secrets_from_files(figment).map_err(invalid)?;
    refuse_unknown(&figment).map_err(invalid)?;
    let config: Config = figment.extract().map_err(|error| {
        let origin = error.metadata.as_ref().map(origin_of).unwrap_or_default();
        // The error's own text may repeat a value; its kind and path say enough without it.
        invalid(format!("{}: {} {origin}", error.path.join("."), plain(&error.kind)))
    })?;
    let values = KEYS.iter().filter_map(|key| shown(&figment, key)).collect();
    Ok(Loaded { config, values, file: file.map(Path::to_path_buf), flags })
}

fn plain(kind: &figment::error::Kind) -> String {
    match kind {
        figment::error::Kind::InvalidType(_, wanted) => format!("is not of the right type, wanted {wanted}"),
        figment::error::Kind::MissingField(field) => format!("{field} is missing"),
        figment::error::Kind::UnknownVariant(_, known) => format!("is none of {}", known.join(", ")),
        other => other.to_string(),
    }
}

/// `<secret>_file`, and systemd's credentials, become the secret itself.
fn secrets_from_files(mut figment: Figment) -> Result<Figment, String> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    for key in KEYS.iter().filter(|key| key.secret) {
        let named = figment
            .find_value(&format!("{}_file", key.name))
            .ok()
            .and_then(|value| value.into_string())
            .map(PathBuf::from);
        let credential = credentials.as_ref().map(|folder| folder.join(key.name)).filter(|path| path.is_file());
        if let Some(path) = named.or(credential) {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| format!("{}_file: {}: {error}", key.name, path.display()))?;
            let provider = Serialized::default(key.name, text.trim_end());
            figment = figment.merge(Named { provider, origin: format!("file {}", path.display()) });
        }
    }
    Ok(figment)
}

/// A provider whose values say where they come from.
struct Named<P> {
    provider: P,
    origin: String,
}

impl<P: figment::Provider> figment::Provider for Named<P> {
    fn metadata(&self) -> figment::Metadata {
        figment::Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<figment::value::Map<Profile, Dict>, figment::Error> {
        self.provider.data()
    }
}

fn refuse_unknown(figment: &Figment) -> Result<(), String> {
    let all: Dict = figment.extract().map_err(|error| error.to_string())?;
    for (section, value) in &all {
        let Some(keys) = value.as_dict() else {
            return Err(format!("{section} is no section{}", whence(figment, section)));
        };
        for name in keys.keys() {
            let path = format!("{section}.{name}");
            let known = |key: &Key| key.name == path || key.secret && path == format!("{}_file", key.name);
            if !KEYS.iter().any(known) {
                return Err(format!("there is no key {path}{}", whence(figment, &path)));
            }
        }
    }
    Ok(())
}

fn whence(figment: &Figment, path: &str) -> String {
    figment.find_metadata(path).map(|metadata| format!(" ({})", origin_of(metadata))).unwrap_or_default()
}

fn origin_of(metadata: &figment::Metadata) -> String {
    match &metadata.source {
        Some(Source::File(path)) => format!("file {}", path.display()),
        Some(Source::Code(_)) | None if metadata.name.starts_with("file ") => metadata.name.to_string(),
        _ if metadata.name.contains("environment") => "environment".to_owned(),
        _ => "flag".to_owned(),
    }
}

fn shown(figment: &Figment, key: &Key) -> Option<Shown> {
    let value = figment.find_value(key.name).ok()?;
    let is_default = key.default.is_some_and(|default| same(&default(), &value));
    let origin = figment.find_metadata(key.name).map(origin_of).unwrap_or_default();
    let origin = if is_default && origin == "flag" { "default".to_owned() } else { origin };
    let value = if key.secret { "***".to_owned() } else { text(&value) };
    Some(Shown { key: key.name.to_owned(), value, origin })
}

fn same(a: &Value, b: &Value) -> bool {
    text(a) == text(b)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(_, text) => text.clone(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

/// The page of the book.
pub fn reference() -> String {
    let mut page = String::from(
        "# Configuration\n\nA flag goes before the environment (`DROVER_API__LISTEN` for `api.listen`), the environment before the file \
         (TOML; `--config`, else `/etc/drover/drover.toml`), the file before the default. A secret may be given as `<key>_file` too, \
         or as a systemd credential named like the key. `drover config show --origin` shows what is in force; an unknown key is \
         refused.\n\n| key | default | what |\n|---|---|---|\n",
    );
    for key in KEYS {
        let default = match (key.default, key.secret) {
            (Some(default), _) => format!("`{}`", text(&default())),
            (None, true) => "(secret)".to_owned(),
            (None, false) => String::new(),
        };
        page.push_str(&format!("| `{}` | {default} | {} |\n", key.name, key.what));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn flags(path: &str, value: &str) -> Dict {
        let (section, key) = path.split_once('.').unwrap();
        super::flags(&serde_json::json!({ section: { key: value } }))
    }

    #[test]
    fn a_flag_goes_before_the_file_and_the_file_before_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("drover.toml");
        std::fs::write(&file, "[api]\nlisten = \"127.0.0.1:1\"\nlease_secs = 20\n").unwrap();
        let loaded = load(flags("api.listen", "127.0.0.1:2"), Some(&file)).unwrap();
        assert_eq!(loaded.config.api.listen, "127.0.0.1:2");
        assert_eq!(loaded.config.api.lease_secs, 20);
        assert_eq!(loaded.config.worker.per_host, 4);
        let origin = |key: &str| loaded.values().into_iter().find(|shown| shown.key == key).unwrap().origin;
        assert_eq!(origin("api.listen"), "flag");
        assert_eq!(origin("api.lease_secs"), format!("file {}", file.display()));
        assert_eq!(origin("worker.per_host"), "default");
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_name_and_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("drover.toml");
        std::fs::write(&file, "[api]\nlissten = \"x\"\n").unwrap();
        let fault = load(Dict::new(), Some(&file)).unwrap_err();
        assert!(fault.text().contains("api.lissten") && fault.text().contains("drover.toml"), "{}", fault.text());
    }

    #[test]
    fn a_secret_comes_from_a_file_and_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        std::fs::write(&token, "canary-secret\n").unwrap();
        let loaded = load(flags("client.token_file", token.to_str().unwrap()), None).unwrap();
        assert_eq!(loaded.config.client.token.as_ref().unwrap().expose_secret(), "canary-secret");
        let shown = serde_json::to_string(&loaded.values()).unwrap();
        assert!(shown.contains("client.token") && !shown.contains("canary"), "{shown}");
        assert!(!format!("{loaded:?}").contains("canary"));
    }

    #[test]
    fn a_wrong_type_names_the_key() {
        let fault = load(flags("worker.per_host", "many"), None).unwrap_err();
        assert!(fault.text().contains("worker.per_host"), "{}", fault.text());
    }
}
