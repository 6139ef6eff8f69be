//! `drover lock`: at the lock service itself.

use crate::cli::Global;
use crate::out::{Out, dash, pairs};
use clap::Subcommand;
use errors::Fault;
use locks::LockInfo;
use model::lock::LockName;
use secrecy::SecretString;
use service::config::Config;

#[derive(Debug, Subcommand)]
pub enum Lock {
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

fn text(lock: &LockInfo) -> String {
    let mut rows = vec![("lock", lock.name.to_string())];
    if let Some(holder) = &lock.holder {
        rows.push(("holder", format!("task {}, attempt {}", holder.owner.task, holder.owner.attempt)));
        rows.push(("worker", holder.owner.worker.clone()));
        rows.push(("host", holder.owner.host.clone()));
        rows.push(("fence", holder.fence.to_string()));
        rows.push(("held", format!("{:.1} s", holder.held_secs)));
        rows.push(("lease left", format!("{:.1} s", holder.lease_left_secs)));
    }
    for waiter in &lock.waiters {
        rows.push(("waits", format!("task {}, worker {}, {:.1} s", waiter.owner.task, waiter.owner.worker, waiter.waiting_secs)));
    }
    pairs(&rows)
}

pub async fn run(out: Out, global: &Global, config: &Config, command: Lock) -> anyhow::Result<()> {
    let client = open(global, config)?;
    match command {
        Lock::List => {
            let locks = client.list().await?;
            out.list(&locks, &["lock", "task", "worker", "held s", "lease left s", "waiters"], |lock| {
                let holder = lock.holder.as_ref();
                vec![
                    lock.name.to_string(),
                    dash(holder.map(|holder| holder.owner.task)),
                    dash(holder.map(|holder| &holder.owner.worker)),
                    dash(holder.map(|holder| format!("{:.1}", holder.held_secs))),
                    dash(holder.map(|holder| format!("{:.1}", holder.lease_left_secs))),
                    lock.waiters.len().to_string(),
                ]
            })
        }
        Lock::Show { name } => out.document(&client.show(&name).await?, text),
        Lock::Break { name } => {
            client.break_(&name).await?;
            out.line(&format!("{name} is free"))
        }
    }
}
