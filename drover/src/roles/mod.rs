//! The roles of the fleet, each as a process of its own; and `up`, all of them in one.

pub mod api;
pub mod dispatch;
pub mod locks;
pub mod up;
pub mod worker;

mod demo;

use crate::cli::{Command, Global};
use anyhow::Context;
use errors::Fault;
use secrecy::SecretString;
use service::config::{Dict, Loaded};
use service::health::{self, Checks};
use service::http;
use tokio_util::sync::CancellationToken;

/// The configuration, with what was typed on top.
pub fn load(global: &Global, command: &Command) -> Result<Loaded, Fault> {
    let mut flags: Vec<(&str, Option<serde_json::Value>)> = vec![
        ("client.url", global.url.clone().map(Into::into)),
        ("client.token_file", global.token_file.as_ref().map(|path| path.display().to_string().into())),
    ];
    match command {
        Command::Api(role) => flags.push(("api.listen", role.listen.clone().map(Into::into))),
        Command::Dispatch(role) => flags.push(("dispatch.listen", role.listen.clone().map(Into::into))),
        Command::Locks(role) => flags.push(("locks.listen", role.listen.clone().map(Into::into))),
        Command::Worker(role) => {
            flags.push(("worker.listen", role.listen.clone().map(Into::into)));
            flags.push(("worker.hosts", (!role.hosts.is_empty()).then(|| role.hosts.clone().into())));
        }
        _ => {}
    }
    let given = flags.into_iter().filter_map(|(key, value)| value.map(|value| (key, value)));
    service::config::load(dict(given), global.config.as_deref())
}

fn dict<'a>(flags: impl Iterator<Item = (&'a str, serde_json::Value)>) -> Dict {
    let mut sections: std::collections::BTreeMap<&str, serde_json::Map<String, serde_json::Value>> = Default::default();
    for (key, value) in flags {
        if let Some((section, name)) = key.split_once('.') {
            sections.entry(section).or_default().insert(name.to_owned(), value);
        }
    }
    service::config::flags(&sections)
}

/// A secret that a role cannot do without.
fn required<'a>(secret: &'a Option<SecretString>, key: &str) -> Result<&'a SecretString, Fault> {
    let missing = || Fault::new(&errors::operate::CONFIG_INVALID).hole("reason", format!("{key} is not set"));
    secret.as_ref().ok_or_else(missing)
}

/// The machine's name and the process id: tells workers and dispatchers apart.
fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}", host.trim(), std::process::id())
}

/// Health and metrics of a role that serves nothing else.
async fn serve_health(address: &str, checks: Checks, shutdown: CancellationToken) -> anyhow::Result<()> {
    let listener = http::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "health and metrics");
    http::serve(listener, health::router(checks), shutdown).await.context("serving health and metrics")
}
