//! What the commands of all types of resource share.

use super::{Session, every_page, follow};
use crate::cli::Follow;
use crate::out::{dash, pairs};
use clap::{Args, Subcommand};
use errors::Fault;
use iaas::tenant::{Accepted, AskState, Change, Create, ResourceFilter};
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

/// What can be asked of a resource of any type.
#[derive(Debug, Subcommand)]
pub enum Any {
    List(List),
    Show {
        id: ResourceId,
    },
    History {
        id: ResourceId,
    },
    /// Change the wish: running or quiesced, as it is
    Update {
        id: ResourceId,
        /// JSON merge patch of the spec: '{"cpu": 4}'
        #[arg(long = "set", value_name = "JSON")]
        patch: String,
        #[command(flatten)]
        follow: Follow,
    },
    /// Remove it; a VM or router first waits in the scrub queue for the project's grace period
    Scrub {
        id: ResourceId,
        #[command(flatten)]
        follow: Follow,
    },
}

/// What can be asked of what is switched on and off.
#[derive(Debug, Subcommand)]
pub enum Switch {
    /// Stop it, keep everything
    Quiesce {
        id: ResourceId,
        #[command(flatten)]
        follow: Follow,
    },
    /// Start it again from quiesced, or out of the scrub queue
    Restart {
        id: ResourceId,
        #[command(flatten)]
        follow: Follow,
    },
}

pub async fn any<S: Spec>(session: &Session, command: Any) -> anyhow::Result<()> {
    match command {
        Any::List(list) => self::list::<S>(session, list).await,
        Any::Show { id } => show::<S>(session, id).await,
        Any::History { id } => history::<S>(session, id).await,
        Any::Update { id, patch, follow } => change::<S>(session, id, &patch, follow).await,
        Any::Scrub { id, follow } => ask::<S>(session, id, State::Scrub, follow).await,
    }
}

pub async fn switch<S: Spec>(session: &Session, command: Switch) -> anyhow::Result<()> {
    match command {
        Switch::Quiesce { id, follow } => ask::<S>(session, id, State::Quiesce, follow).await,
        Switch::Restart { id, follow } => ask::<S>(session, id, State::Restart, follow).await,
    }
}

/// What every create has besides its own options.
#[derive(Args, Debug)]
pub struct New {
    pub name: String,
    #[arg(long, value_name = "ID")]
    pub project: ProjectId,
    /// The whole wish as JSON, instead of the options
    #[arg(long, value_name = "JSON")]
    pub spec: Option<String>,
    /// Makes a repeated create answer as the first did
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
    #[command(flatten)]
    pub follow: Follow,
}

impl New {
    /// The wish that its JSON or its options tell.
    pub async fn create<S: Spec>(
        self,
        session: &Session,
        options: impl FnOnce() -> anyhow::Result<S>,
    ) -> anyhow::Result<()> {
        let spec = match &self.spec {
            Some(text) => parse_spec(text)?,
            None => options()?,
        };
        let wish = Create { project_id: self.project, name: self.name, spec };
        create(session, wish, self.idempotency_key, self.follow).await
    }
}

/// An option without which there must be a whole wish.
pub fn given<T>(value: Option<T>, option: &str) -> anyhow::Result<T> {
    let missing =
        || Fault::new(&errors::operate::CONFIG_INVALID).hole("reason", format!("{option} or --spec is needed"));
    Ok(value.ok_or_else(missing)?)
}

/// A wish given as JSON.
fn parse_spec<S: Spec>(text: &str) -> Result<S, Fault> {
    serde_json::from_str(text)
        .map_err(|error| Fault::new(&errors::operate::CONFIG_INVALID).hole("reason", format!("--spec: {error}")))
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
        for (name, fact) in &resource.facts {
            rows.push((name, fact.as_str().map_or_else(|| fact.to_string(), str::to_owned)));
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

pub async fn ask<S: Spec>(
    session: &Session,
    id: ResourceId,
    wanted: impl Into<AskState>,
    then: Follow,
) -> anyhow::Result<()> {
    let accepted = session.client.ask::<S>(id, wanted, then.dry_run).await?;
    accepted_then(session, accepted, then).await
}

/// Reads the version first, so that a change in between is refused and not overwritten.
pub async fn change<S: Spec>(session: &Session, id: ResourceId, patch: &str, then: Follow) -> anyhow::Result<()> {
    let spec: serde_json::Value = serde_json::from_str(patch).map_err(|error| {
        Fault::new(&errors::operate::CONFIG_INVALID).hole("reason", format!("--set is not JSON: {error}"))
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
