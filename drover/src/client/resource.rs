//! What the commands of all types of resource share.

use super::{Session, every_page, follow};
use crate::cli::Follow;
use crate::out::{dash, pairs};
use clap::Args;
use iaas::tenant::{Accepted, Change, Create, ResourceFilter};
use model::resource::Spec;
use model::{ProjectId, ResourceId, State};

#[derive(Args, Debug)]
pub struct List {
    /// Only of this project
    #[arg(long, value_name = "ID")]
    pub project: Option<ProjectId>,
    /// Only in this state
    #[arg(long)]
    pub state: Option<State>,
    /// Only on this server
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// Closed ones too
    #[arg(long)]
    pub closed: bool,
}

pub async fn list<S: Spec>(session: &Session, list: List) -> anyhow::Result<()> {
    let List { project, state, host, closed } = list;
    let filter = ResourceFilter { project, state, host, closed, limit: Some(500), ..ResourceFilter::default() };
    let page = async |cursor| session.client.list::<S>(&ResourceFilter { cursor, ..filter.clone() }).await;
    let items = every_page(page).await?;
    session.out.list(&items, &["id", "name", "project", "state", "host", "task", "error"], |resource| {
        vec![
            resource.id.to_string(),
            resource.name.clone(),
            resource.project_id.to_string(),
            resource.state.to_string(),
            resource.host.clone(),
            dash(resource.task_id),
            dash(resource.error.as_ref().map(|error| &error.code)),
        ]
    })
}

pub async fn show<S: Spec>(session: &Session, id: ResourceId) -> anyhow::Result<()> {
    let resource = session.client.read::<S>(id).await?;
    session.out.document(&resource, |resource| {
        let mut rows = vec![
            ("id", resource.id.to_string()),
            ("name", resource.name.clone()),
            ("project", resource.project_id.to_string()),
            ("state", format!("{} ({})", resource.state, resource.state.number())),
            ("kind", resource.kind.to_string()),
            ("host", resource.host.clone()),
            ("task", dash(resource.task_id)),
            ("version", resource.version.to_string()),
            ("created", resource.created_at.to_string()),
            ("updated", resource.updated_at.to_string()),
        ];
        if let Some(error) = &resource.error {
            rows.push(("error", iaas::problem::line(error)));
            rows.push(("remedy", error.remedy.clone()));
        }
        rows.push(("spec", serde_json::to_string_pretty(&resource.spec).unwrap_or_default()));
        pairs(&rows)
    })
}

pub async fn history<S: Spec>(session: &Session, id: ResourceId) -> anyhow::Result<()> {
    let page = session.client.history(S::TYPE, id).await?;
    session.out.list(&page.items, &["at", "from", "into", "by", "task", "error"], |record| {
        vec![
            record.at.to_string(),
            dash(record.from),
            record.into.to_string(),
            record.by.clone(),
            dash(record.task_id),
            dash(record.error.as_ref().map(iaas::problem::line)),
        ]
    })
}

pub async fn create<S: Spec>(
    session: &Session,
    wish: Create<S>,
    idempotency_key: Option<String>,
    then: Follow,
) -> anyhow::Result<()> {
    if then.dry_run {
        let placement = session.client.create_dry_run(&wish).await?;
        return session.out.document(&placement, |placement| {
            format!("{} {} would stand on {}", placement.kind, wish.name, placement.host)
        });
    }
    let key = idempotency_key.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let accepted = session.client.create(&wish, &key).await?;
    accepted_then(session, accepted, then).await
}

pub async fn ask<S: Spec>(session: &Session, id: ResourceId, state: State, then: Follow) -> anyhow::Result<()> {
    let accepted = session.client.ask::<S>(id, state, then.dry_run).await?;
    accepted_then(session, accepted, then).await
}

/// Reads the version first, so that a change in between is refused and not overwritten.
pub async fn change<S: Spec>(session: &Session, id: ResourceId, patch: &str, then: Follow) -> anyhow::Result<()> {
    let spec: serde_json::Value = serde_json::from_str(patch).map_err(|error| {
        errors::Fault::new(&errors::operate::CONFIG_INVALID).hole("reason", format!("--set is not JSON: {error}"))
    })?;
    let resource = session.client.read::<S>(id).await?;
    let accepted = session.client.change::<S>(id, resource.version, &Change { spec }, then.dry_run).await?;
    accepted_then(session, accepted, then).await
}

async fn accepted_then<S: Spec>(session: &Session, accepted: Accepted<S>, then: Follow) -> anyhow::Result<()> {
    // A dry run is a task too; without its end there is nothing to show.
    if then.wait || then.dry_run {
        session.out.say(&format!("{} {}: task {}", S::TYPE, accepted.resource.id, accepted.task_id));
        return follow(session, accepted.task_id, then.timeout).await;
    }
    session.out.document(&accepted, |accepted| {
        let resource = &accepted.resource;
        format!(
            "{} {} {} is {} on {}; task {}\nfollow it: drover task wait {}",
            S::TYPE,
            resource.id,
            resource.name,
            resource.state,
            resource.host,
            accepted.task_id,
            accepted.task_id
        )
    })
}
