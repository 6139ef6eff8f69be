//! `drover backup verify`

use super::Into;
use crate::client::{Session, errand, every_page};
use crate::out::{dash, table};
use clap::Args;
use errors::Fault;
use iaas::tenant::{AskErrand, ResourceFilter};
use model::backup::{BackupSpec, Repository, Verified};
use model::errand::Errand;
use model::resource::Resource;
use model::{ResourceId, State};
use std::collections::BTreeSet;

#[derive(Args, Debug)]
pub struct Verify {
    #[arg(required_unless_present = "server", conflicts_with = "server")]
    ids: Vec<ResourceId>,
    /// Every backup of this server; what others stand on is looked at with them, once
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Look for it there, not where it was made; with --server, only those that were made there
    #[arg(long, value_enum)]
    repository: Option<Into>,
    /// How long to wait for the end, in seconds
    #[arg(long, default_value_t = 86_400, value_name = "SECS")]
    timeout: u64,
}

pub async fn run(session: &Session, command: Verify) -> anyhow::Result<()> {
    let Verify { ids, server, repository, timeout } = command;
    let repository = repository.map(Repository::from);
    let ids = match &server {
        Some(server) => topmost(&of_server(session, server, repository).await?),
        None => ids,
    };
    let mut errands = Vec::new();
    for backup in ids {
        errands.push(session.client.errand_ask(&AskErrand::Verify { backup, repository }).await?.id);
    }
    let errands = errand::ended(session, &errands, timeout).await?;
    session.out.document(&errands, |errands| text(errands))?;
    errand::check(&errands)?;
    check(&errands)
}

async fn of_server(
    session: &Session,
    server: &str,
    repository: Option<Repository>,
) -> anyhow::Result<Vec<Resource<BackupSpec>>> {
    let (host, state) = (Some(server.to_owned()), Some(State::Running));
    let filter = ResourceFilter { host, state, limit: Some(500), ..ResourceFilter::default() };
    let page = async |cursor| session.client.list::<BackupSpec>(&ResourceFilter { cursor, ..filter.clone() }).await;
    let mut backups = every_page(page).await?;
    backups.retain(|backup| repository.is_none_or(|wanted| backup.spec.repository == wanted));
    Ok(backups)
}

/// Those that no other stands on: whoever looks at them looks at all.
fn topmost(backups: &[Resource<BackupSpec>]) -> Vec<ResourceId> {
    let chains = backups.iter().filter_map(|backup| backup.facts.get("chain")?.as_array());
    let beneath: BTreeSet<i64> = chains.flatten().filter_map(serde_json::Value::as_i64).collect();
    backups.iter().map(|backup| backup.id).filter(|id| !beneath.contains(&id.0)).collect()
}

fn all(errands: &[Errand]) -> impl Iterator<Item = (ResourceId, &Verified)> {
    errands.iter().filter_map(|errand| Some((errand.what.verifies()?, errand.verified.as_ref()?)))
}

fn text(errands: &[Errand]) -> String {
    let mut rows = Vec::new();
    for (newest, verified) in all(errands) {
        for link in &verified.chain {
            for file in &link.files {
                let error = file.error.as_ref();
                rows.push(vec![
                    newest.to_string(),
                    link.backup.to_string(),
                    file.name.clone(),
                    (file.bytes >> 20).to_string(),
                    if error.is_none() { "whole" } else { "damaged" }.to_owned(),
                    dash(error.map(iaas::problem::line)),
                    dash(error.map(|error| &error.remedy)),
                ]);
            }
        }
    }
    let head = ["backup", "stands on", "file", "MiB", "is", "error", "remedy"];
    let mut text = table(&head, rows.into_iter());
    for (newest, verified) in all(errands).filter(|(_, verified)| !verified.is_whole()) {
        text += &format!("\n{}", outlook(newest, verified));
    }
    text
}

/// What is left of a chain that is damaged.
fn outlook(newest: ResourceId, verified: &Verified) -> String {
    let first = verified.damaged().next().map_or_else(String::new, |(backup, _)| format!(": {backup} is damaged"));
    let left = match verified.restorable.last() {
        None => "nothing of its chain can".to_owned(),
        Some(last) => {
            let ids: Vec<String> = verified.restorable.iter().map(ToString::to_string).collect();
            format!("{} still can, the newest is {last}", ids.join(", "))
        }
    };
    format!("backup {newest} cannot be restored{first}; {left}")
}

/// Fails when anything is damaged.
fn check(errands: &[Errand]) -> anyhow::Result<()> {
    let damaged: Vec<_> = all(errands).flat_map(|(_, verified)| verified.damaged()).collect();
    let Some((backup, first)) = damaged.first() else { return Ok(()) };
    let count: usize = all(errands).map(|(_, verified)| verified.files()).sum();
    let fault = Fault::new(&errors::operate::BACKUP_DAMAGED).hole("damaged", damaged.len()).hole("all", count);
    Err(fault.hole("backup", backup).hole("error", dash(first.error.as_ref().map(iaas::problem::line))).into())
}
