//! `drover drift`

use super::{Session, every_page, follow};
use clap::Subcommand;
use iaas::tenant::DriftFilter;
use model::drift::DriftPolicy;
use model::{Moment, ProjectId, ResourceId};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Resources that differ from their records, as far as anybody looked
    List {
        /// Only of this project
        #[arg(long, value_name = "ID")]
        project: Option<ProjectId>,
        /// Only on this server
        #[arg(long, value_name = "NAME")]
        host: Option<String>,
    },
    /// Look now whether a resource is as its record says
    Check { id: ResourceId },
    /// Make it as its record says; this may stop and start a guest
    Repair { id: ResourceId },
    /// Let its record say what was found on the host
    Adopt { id: ResourceId },
}

/// What a look or a repair gets.
const LIMIT_SECS: u64 = 600;

pub async fn run(session: &Session, command: Command) -> anyhow::Result<()> {
    let (id, policy) = match command {
        Command::List { project, host } => return list(session, project, host).await,
        Command::Check { id } => (id, DriftPolicy::Report),
        Command::Repair { id } => (id, DriftPolicy::Repair),
        Command::Adopt { id } => (id, DriftPolicy::Adopt),
    };
    let asked = session.client.drift_act(id, policy).await?;
    match asked.task_id {
        Some(task) => follow(session, task, LIMIT_SECS).await,
        None => session.out.document(&asked, |_| format!("the record of {id} says now what was found")),
    }
}

async fn list(session: &Session, project: Option<ProjectId>, host: Option<String>) -> anyhow::Result<()> {
    let filter = DriftFilter { project, host, limit: Some(500), cursor: None };
    let page = async |cursor| session.client.drift(&DriftFilter { cursor, ..filter.clone() }).await;
    let items = every_page(page).await?;
    session.out.list(&items, &["id", "kind", "name", "state", "host", "for", "differs"], |drifted| {
        let age = Moment::now().duration_since(drifted.drift.since).as_secs();
        let differs = match &drifted.drift.error {
            Some(error) => iaas::problem::line(error),
            None => drifted.drift.steps.join(", "),
        };
        vec![
            drifted.id.to_string(),
            drifted.kind.to_string(),
            drifted.name.clone(),
            drifted.state.to_string(),
            drifted.host.clone(),
            format!("{age} s"),
            differs,
        ]
    })
}
