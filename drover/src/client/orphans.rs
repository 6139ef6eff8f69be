//! `drover orphans`

use super::{Session, errand, every_page, server};
use crate::out::dash;
use clap::{Args, Subcommand};
use errors::Fault;
use iaas::tenant::{AskErrand, OrphanFilter};
use model::errand::{Orphan, Sort};
use model::server::Server;
use model::{OrphanId, ServerType};
use std::io::{BufRead, IsTerminal, Write};

#[derive(Debug, Subcommand)]
pub enum Orphans {
    /// What drover has made and no record names, as the last surveys found it
    List {
        /// Only on this server
        #[arg(long, value_name = "NAME")]
        host: Option<String>,
        /// domain, disk, seed, bridge, namespace, image, checkpoint or backup
        #[arg(long)]
        sort: Option<Sort>,
        /// Survey the hosts first
        #[arg(long)]
        survey: bool,
        /// How long the surveys may take, in seconds
        #[arg(long, default_value_t = 600, value_name = "SECS", requires = "survey")]
        timeout: u64,
    },
    /// Set them aside: they do no harm, and can be put back
    Quarantine(These),
    /// Put them back as they were; nothing is started
    Restore(These),
    /// Remove them for ever
    Purge {
        #[command(flatten)]
        these: These,
        /// Also those that are not in quarantine
        #[arg(long)]
        now: bool,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Args, Debug)]
pub struct These {
    #[arg(required = true)]
    ids: Vec<OrphanId>,
    /// How long to wait for the end, in seconds
    #[arg(long, default_value_t = 600, value_name = "SECS")]
    timeout: u64,
}

pub async fn run(session: &Session, command: Orphans) -> anyhow::Result<()> {
    match command {
        Orphans::List { host, sort, survey, timeout } => {
            if survey {
                self::survey(session, host.as_deref(), timeout).await?;
            }
            list(session, OrphanFilter { host, sort, limit: Some(500), cursor: None }).await
        }
        Orphans::Quarantine(these) => act(session, these, |orphan| AskErrand::Quarantine { orphan }).await,
        Orphans::Restore(these) => act(session, these, |orphan| AskErrand::Restore { orphan }).await,
        Orphans::Purge { these, now, yes } => {
            if !yes {
                confirm(session, &these.ids).await?;
            }
            act(session, these, |orphan| AskErrand::Purge { orphan, now }).await
        }
    }
}

/// Of one host, or of all that have anything to survey.
async fn survey(session: &Session, host: Option<&str>, timeout_secs: u64) -> anyhow::Result<()> {
    let servers: Vec<Server> = server::all(&session.client, "servers").await?;
    let has_things = |server: &&Server| match host {
        Some(host) => server.spec.name == host,
        None => server.spec.enabled && server.spec.server_type != ServerType::Phantom,
    };
    let mut ids = Vec::new();
    for server in servers.iter().filter(has_things) {
        ids.push(session.client.errand_ask(&AskErrand::Survey { host: server.spec.name.clone() }).await?.id);
    }
    if let Some(host) = host.filter(|_| ids.is_empty()) {
        ids.push(session.client.errand_ask(&AskErrand::Survey { host: host.to_owned() }).await?.id);
    }
    session.out.say(&format!("surveying {} hosts", ids.len()));
    errand::check(&errand::ended(session, &ids, timeout_secs).await?)
}

async fn list(session: &Session, filter: OrphanFilter) -> anyhow::Result<()> {
    let page = async |cursor| session.client.orphans(&OrphanFilter { cursor, ..filter.clone() }).await;
    let items = every_page(page).await?;
    let head = ["id", "host", "sort", "name", "resource", "MiB", "first seen", "in quarantine since", "detail"];
    session.out.list(&items, &head, |orphan: &Orphan| {
        vec![
            orphan.id.to_string(),
            orphan.host.clone(),
            orphan.found.sort.to_string(),
            orphan.found.name.clone(),
            dash(orphan.found.resource),
            (orphan.found.bytes >> 20).to_string(),
            orphan.first_seen.to_string(),
            dash(orphan.set_aside_at),
            orphan.found.detail.clone(),
        ]
    })
}

/// Asks for all, then waits for all.
async fn act(session: &Session, these: These, ask: impl Fn(OrphanId) -> AskErrand) -> anyhow::Result<()> {
    let mut ids = Vec::new();
    for orphan in these.ids {
        ids.push(session.client.errand_ask(&ask(orphan)).await?.id);
    }
    let errands = errand::ended(session, &ids, these.timeout).await?;
    session.out.list(&errands, &["errand", "what", "host", "status", "standing"], |errand| {
        vec![
            errand.id.to_string(),
            errand.what.to_string(),
            errand.host.clone(),
            errand.status.to_string(),
            errand::standing(errand),
        ]
    })?;
    errand::check(&errands)
}

/// What is purged is gone: a person at a terminal is asked, and a program has to say that it means it.
async fn confirm(session: &Session, ids: &[OrphanId]) -> anyhow::Result<()> {
    let unconfirmed = || Fault::new(&errors::operate::UNCONFIRMED).hole("count", ids.len());
    if !std::io::stdin().is_terminal() {
        return Err(unconfirmed().into());
    }
    for id in ids {
        let orphan = session.client.orphan(*id).await?;
        eprintln!("{} on {}: {}", orphan.found, orphan.host, orphan.found.detail);
    }
    eprint!("Remove these {} for ever? [y/N] ", ids.len());
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) { Ok(()) } else { Err(unconfirmed().into()) }
}
