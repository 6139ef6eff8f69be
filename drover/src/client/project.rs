//! `drover project`

use super::Session;
use crate::out::pairs;
use clap::Subcommand;
use model::ProjectId;
use model::project::{Project as Record, ProjectSpec};

#[derive(Debug, Subcommand)]
pub enum Project {
    Create {
        name: String,
        /// How long a scrubbed VM or router can be restored
        #[arg(long, default_value_t = 168, value_name = "HOURS")]
        grace_hours: u32,
    },
    List,
    Show {
        id: ProjectId,
    },
    /// Change the grace period
    Update {
        id: ProjectId,
        #[arg(long, value_name = "HOURS")]
        grace_hours: u32,
    },
    /// Remove it, once nothing of it is left
    Delete {
        id: ProjectId,
    },
}

const COLLECTION: &str = "projects";

fn text(project: &Record) -> String {
    pairs(&[
        ("id", project.id.to_string()),
        ("name", project.spec.name.clone()),
        ("grace_hours", project.spec.grace_hours.to_string()),
        ("created", project.created_at.to_string()),
    ])
}

pub async fn run(session: &Session, command: Project) -> anyhow::Result<()> {
    let client = &session.client;
    match command {
        Project::Create { name, grace_hours } => {
            let project: Record = client.record_create(COLLECTION, &ProjectSpec { name, grace_hours }).await?;
            session.out.document(&project, text)
        }
        Project::List => {
            let items: Vec<Record> = super::server::all(client, COLLECTION).await?;
            session.out.list(&items, &["id", "name", "grace hours"], |project| {
                vec![project.id.to_string(), project.spec.name.clone(), project.spec.grace_hours.to_string()]
            })
        }
        Project::Show { id } => session.out.document(&client.record_read(COLLECTION, id.0).await?, text),
        Project::Update { id, grace_hours } => {
            let project: Record = client.record_read(COLLECTION, id.0).await?;
            let patch = serde_json::json!({ "grace_hours": grace_hours });
            session.out.document(&client.record_change(COLLECTION, id.0, project.version, &patch).await?, text)
        }
        Project::Delete { id } => Ok(client.record_delete(COLLECTION, id.0).await?),
    }
}
