//! `drover errand`

use super::{Session, every_page};
use crate::out::{dash, pairs};
use clap::Subcommand;
use errors::Fault;
use iaas::tenant::ErrandFilter;
use model::ErrandId;
use model::errand::{Errand as Record, ErrandStatus};
use std::time::Duration;
use tokio::time::Instant;

#[derive(Debug, Subcommand)]
pub enum Errand {
    List {
        #[arg(long, value_name = "NAME")]
        host: Option<String>,
        /// survey, quarantine, restore, purge or verify
        #[arg(long)]
        what: Option<String>,
        #[arg(long)]
        status: Option<ErrandStatus>,
    },
    Show {
        id: ErrandId,
    },
}

/// How it goes, or how it ended, in a few words.
pub fn standing(errand: &Record) -> String {
    if let Some(error) = &errand.error {
        return iaas::problem::line(error);
    }
    match (&errand.surveyed, &errand.verified) {
        (Some(surveyed), _) => format!("{} found, {} orphans", surveyed.found, surveyed.orphans),
        (None, Some(verified)) if verified.is_whole() => format!("{} files are whole", verified.files()),
        (None, Some(verified)) => format!("{} of {} files are damaged", verified.damaged().count(), verified.files()),
        (None, None) => errand.note.clone().unwrap_or_default(),
    }
}

fn text(errand: &Record) -> String {
    let mut rows = vec![
        ("errand", errand.id.to_string()),
        ("what", errand.what.to_string()),
        ("host", errand.host.clone()),
        ("status", errand.status.to_string()),
        ("asked by", errand.asked_by.clone()),
        ("attempts", errand.attempts.to_string()),
        ("worker", dash(errand.worker.as_ref())),
        ("requested", errand.requested_at.to_string()),
        ("started", dash(errand.started_at)),
        ("ended", dash(errand.ended_at)),
    ];
    if let Some(surveyed) = errand.surveyed {
        rows.push(("found", surveyed.found.to_string()));
        rows.push(("orphans", surveyed.orphans.to_string()));
    }
    if let Some(verified) = &errand.verified {
        rows.push(("verified", standing(errand)));
        for (backup, file) in verified.damaged() {
            rows.push((
                "damaged",
                format!("backup {backup}, {}: {}", file.name, dash(file.error.as_ref().map(iaas::problem::line))),
            ));
        }
    }
    if let Some(note) = &errand.note {
        rows.push(("progress", note.clone()));
    }
    if let Some(error) = &errand.error {
        rows.push(("error", iaas::problem::line(error)));
        rows.push(("command", dash(error.command.as_ref())));
        rows.push(("remedy", error.remedy.clone()));
    }
    pairs(&rows)
}

/// How often one that tells how far it is is asked.
const GLANCE: Duration = Duration::from_secs(2);

/// Each when it has ended; fails when one has not ended in time. One that failed is given, too. What they say of how far
/// they are is shown.
pub async fn ended(session: &Session, ids: &[ErrandId], timeout_secs: u64) -> anyhow::Result<Vec<Record>> {
    let until = Instant::now() + Duration::from_secs(timeout_secs);
    let mut errands = Vec::new();
    for id in ids {
        let mut said = None;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let errand = session.client.errand(*id, left.min(GLANCE)).await?;
            if errand.note.is_some() && errand.note != said {
                said.clone_from(&errand.note);
                session.out.say(&format!("errand {id}: {}", errand.note.clone().unwrap_or_default()));
            }
            if errand.status.has_ended() {
                errands.push(errand);
                break;
            }
            if left.is_zero() {
                let fault = Fault::new(&errors::operate::ERRAND_TIMEOUT).hole("errand", id).hole("host", errand.host);
                return Err(fault.hole("status", errand.status).hole("secs", timeout_secs).into());
            }
        }
    }
    Ok(errands)
}

/// The failure of those that failed.
pub fn check(errands: &[Record]) -> anyhow::Result<()> {
    let failed: Vec<_> = errands.iter().filter(|errand| errand.error.is_some()).collect();
    let Some(first) = failed.first() else { return Ok(()) };
    let fault = Fault::new(&errors::operate::ERRAND_FAILED).hole("failed", failed.len()).hole("all", errands.len());
    Err(fault.hole("errand", first.id).hole("error", standing(first)).into())
}

pub async fn run(session: &Session, command: Errand) -> anyhow::Result<()> {
    match command {
        Errand::List { host, what, status } => {
            let filter = ErrandFilter { host, what, status, limit: Some(500), cursor: None };
            let page = async |cursor| session.client.errands(&ErrandFilter { cursor, ..filter.clone() }).await;
            let items = every_page(page).await?;
            session.out.list(&items, &["id", "what", "host", "status", "asked by", "requested", "standing"], |errand| {
                vec![
                    errand.id.to_string(),
                    errand.what.to_string(),
                    errand.host.clone(),
                    errand.status.to_string(),
                    errand.asked_by.clone(),
                    errand.requested_at.to_string(),
                    standing(errand),
                ]
            })
        }
        Errand::Show { id } => session.out.document(&session.client.errand(id, Duration::ZERO).await?, text),
    }
}
