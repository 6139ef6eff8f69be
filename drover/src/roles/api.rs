//! `drover api`

use super::required;
use iaas::tenant::{CreateToken, Role};
use secrecy::ExposeSecret;
use service::config::Config;
use service::{http, notify, shutdown};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use store::{Limits, Store};

pub fn limits(config: &Config) -> Limits {
    Limits {
        lease_secs: config.api.lease_secs,
        drift_secs: Some(config.api.drift_secs).filter(|secs| *secs > 0),
        survey_secs: config.api.survey_secs,
        queue_deadline_secs: config.api.queue_deadline_secs,
        ..Limits::default()
    }
}

pub async fn run(config: Config) -> anyhow::Result<()> {
    let _telemetry = service::start("api", &config.telemetry)?;
    let shutdown = shutdown::token()?;
    let database = required(&config.api.database, "api.database")?;
    let store = Store::open(database.expose_secret(), limits(&config)).await?;
    if let Some(file) = &config.api.operator_token_file {
        first_operator(&store, file).await?;
    }
    let listener = http::bind(&config.api.listen).await?;
    tracing::info!(address = %listener.local_addr()?, "the API listens");
    notify::tell("READY=1");
    api::run(store.clone(), listener, shutdown).await?;
    store.close().await;
    Ok(())
}

/// Makes the operator's token and writes it into the file, unless the file is there.
pub async fn first_operator(store: &Store, file: &Path) -> anyhow::Result<()> {
    if file.exists() {
        return Ok(());
    }
    let wish = CreateToken { name: "operator".into(), role: Role::Operator, project_id: None, hosts: Vec::new() };
    let created = store.token_create(wish).await?;
    write_secret(file, &created.secret)?;
    Ok(())
}

/// A file that only its owner reads.
pub fn write_secret(file: &Path, secret: &str) -> std::io::Result<()> {
    let mut out = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    writeln!(out, "{secret}")?;
    out.sync_all()
}
