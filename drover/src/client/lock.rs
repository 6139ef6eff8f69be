//! `drover lock`: at the lock service itself.

use crate::cli::Global;
use crate::out::{Out, pairs};
use clap::Subcommand;
use errors::Fault;
use locks::wire::Lock;
use model::lock::LockName;
use secrecy::SecretString;
use service::config::Config;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Every lock that is held or waited for
    List,
    /// Holder, lease and waiters of one
    Show { name: LockName },
    /// Free what a dead holder has left; refused while its lease lives
    Break { name: LockName },
}

/// The configured service, else the one that `drover up` left in its data folder.
fn open(global: &Global, config: &Config) -> Result<locks::Client, Fault> {
    if let Some(token) = &config.locks.operator_token {
        return Ok(locks::Client::new(&config.locks.url, token.clone()));
    }
    let read = |name: &str| {
        let missing = || Fault::new(&errors::operate::TOKEN_MISSING).hole("url", &config.locks.url);
        std::fs::read_to_string(global.data.join(name)).map_err(|error| missing().because(error))
    };
    let (url, token) = (read(crate::roles::up::LOCKS_URL_FILE)?, read(crate::roles::up::LOCKS_TOKEN_FILE)?);
    Ok(locks::Client::new(url.trim(), SecretString::from(token.trim().to_owned())))
}

fn text(lock: &Lock) -> String {
    let holder = &lock.holder;
    let mut rows = vec![
        ("lock", lock.name.to_string()),
        ("holder", format!("task {}, attempt {}", holder.task, holder.attempt)),
        ("worker", holder.worker.clone()),
        ("host", holder.host.clone()),
        ("step", holder.step.clone()),
        ("fence", lock.fence.to_string()),
        ("held", format!("{} s", lock.age_secs)),
        ("lease left", format!("{} s", lock.lease_left_secs)),
    ];
    rows.extend(lock.waiters.iter().map(|waiter| ("waits", format!("{}, {} s", waiter.owner, waiter.waits_secs))));
    pairs(&rows)
}

pub async fn run(out: Out, global: &Global, config: &Config, command: Command) -> anyhow::Result<()> {
    let client = open(global, config)?;
    match command {
        Command::List => {
            let locks = client.list().await?;
            out.list(&locks, &["lock", "task", "worker", "host", "step", "held s", "lease left s", "waiters"], |lock| {
                vec![
                    lock.name.to_string(),
                    lock.holder.task.to_string(),
                    lock.holder.worker.clone(),
                    lock.holder.host.clone(),
                    lock.holder.step.clone(),
                    lock.age_secs.to_string(),
                    lock.lease_left_secs.to_string(),
                    lock.waiters.len().to_string(),
                ]
            })
        }
        Command::Show { name } => out.document(&client.show(&name).await?, text),
        Command::Break { name } => {
            client.break_(&name).await?;
            out.document(&serde_json::json!({ "broken": name }), |_| format!("{name} is free"))
        }
    }
}
