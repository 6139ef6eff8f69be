//! `drover router`

use super::Session;
use super::resource::{self, List};
use crate::cli::Follow;
use clap::Subcommand;
use iaas::tenant::Create;
use model::virtual_router::{Segment, VirtualRouterSpec};
use model::{ProjectId, ResourceId, ServerId, State};

#[derive(Debug, Subcommand)]
pub enum Router {
    /// Build a project's router
    Create {
        name: String,
        #[arg(long, value_name = "ID")]
        project: ProjectId,
        /// A private segment and the router's address on it: web=10.1.0.1/24; may be given again
        #[arg(long = "segment", value_name = "NAME=CIDR", value_parser = segment)]
        segments: Vec<Segment>,
        /// The server it must stand on
        #[arg(long, value_name = "ID")]
        server: Option<ServerId>,
        /// The whole wish as JSON, instead of the options
        #[arg(long, value_name = "JSON", conflicts_with_all = ["segments", "server"])]
        spec: Option<String>,
        /// Makes a repeated create answer as the first did
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
        #[command(flatten)]
        follow: Follow,
    },
    List(List),
    Show {
        id: ResourceId,
    },
    History {
        id: ResourceId,
    },
    /// Stop traffic, keep everything
    Quiesce {
        id: ResourceId,
        #[command(flatten)]
        follow: Follow,
    },
    /// Bring it back from quiesced, or out of the scrub queue
    Restart {
        id: ResourceId,
        #[command(flatten)]
        follow: Follow,
    },
    /// Put it into the scrub queue, to be removed after the project's grace period
    Scrub {
        id: ResourceId,
        #[command(flatten)]
        follow: Follow,
    },
    /// Change the wish
    Update {
        id: ResourceId,
        /// JSON merge patch of the spec
        #[arg(long = "set", value_name = "JSON")]
        patch: String,
        #[command(flatten)]
        follow: Follow,
    },
}

fn segment(text: &str) -> Result<Segment, String> {
    let (name, address) = text.split_once('=').ok_or("a segment is NAME=CIDR")?;
    model::names::check_cidr("segment", address)?;
    Ok(Segment { name: name.to_owned(), id: None, address: address.to_owned(), address_v6: None, dhcp: true })
}

pub async fn run(session: &Session, command: Router) -> anyhow::Result<()> {
    type S = VirtualRouterSpec;
    match command {
        Router::Create { name, project, segments, server, spec, idempotency_key, follow } => {
            let spec = match spec {
                Some(text) => super::vm::parse_spec(&text)?,
                None => S { segments, server, ..S::default() },
            };
            resource::create(session, Create { project_id: project, name, spec }, idempotency_key, follow).await
        }
        Router::List(list) => resource::list::<S>(session, list).await,
        Router::Show { id } => resource::show::<S>(session, id).await,
        Router::History { id } => resource::history::<S>(session, id).await,
        Router::Quiesce { id, follow } => resource::ask::<S>(session, id, State::Quiesce, follow).await,
        Router::Restart { id, follow } => resource::ask::<S>(session, id, State::Restart, follow).await,
        Router::Scrub { id, follow } => resource::ask::<S>(session, id, State::Scrub, follow).await,
        Router::Update { id, patch, follow } => resource::change::<S>(session, id, &patch, follow).await,
    }
}
