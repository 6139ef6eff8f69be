//! `drover lock`: at the lock service itself.

use crate::cli::Global;
use crate::out::{Out, pairs};
use clap::Subcommand;
use errors::Fault;
use locks::wire::{Holder, Lock, Waiter};
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
    let mut rows =
        vec![("lock", lock.name.to_string()), ("mode", lock.mode.to_string()), ("fence", lock.fence.to_string())];
    for Holder { owner, age_secs, lease_left_secs } in &lock.holders {
        rows.extend([
            ("holder", format!("task {}, attempt {}", owner.task, owner.attempt)),
            ("worker", owner.worker.clone()),
            ("host", owner.host.clone()),
            ("step", owner.step.clone()),
            ("held", format!("{age_secs} s")),
            ("lease left", format!("{lease_left_secs} s")),
        ]);
    }
    let waits = |waiter: &Waiter| format!("{}, {}, {} s", waiter.owner, waiter.mode, waiter.waits_secs);
    rows.extend(lock.waiters.iter().map(|waiter| ("waits", waits(waiter))));
    pairs(&rows)
}

/// One line for each holder in a cell: those who share a lock stand below one another.
fn cell(lock: &Lock, of: impl Fn(&Holder) -> String) -> String {
    lock.holders.iter().map(of).collect::<Vec<_>>().join("\n")
}

pub async fn run(out: Out, global: &Global, config: &Config, command: Command) -> anyhow::Result<()> {
    let client = open(global, config)?;
    match command {
        Command::List => {
            let head = ["lock", "mode", "task", "worker", "host", "step", "held s", "lease left s", "waiters"];
            out.list(&client.list().await?, &head, |lock| {
                vec![
                    lock.name.to_string(),
                    lock.mode.to_string(),
                    cell(lock, |holder| holder.owner.task.to_string()),
                    cell(lock, |holder| holder.owner.worker.clone()),
                    cell(lock, |holder| holder.owner.host.clone()),
                    cell(lock, |holder| holder.owner.step.clone()),
                    cell(lock, |holder| holder.age_secs.to_string()),
                    cell(lock, |holder| holder.lease_left_secs.to_string()),
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
