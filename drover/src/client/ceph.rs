//! `drover ceph`

use super::Session;
use super::resource::{self, Any, New, given};
use crate::cli::Follow;
use clap::Subcommand;
use model::ResourceId;
use model::ceph::{self, CephSpec, Feature, Parent};

#[derive(Debug, Subcommand)]
pub enum Ceph {
    /// Build a volume
    Create {
        #[command(flatten)]
        new: New,
        #[arg(long)]
        gb: Option<u64>,
        #[arg(long)]
        pool: Option<String>,
        /// Start as a protected snapshot
        #[arg(long, value_name = "POOL/IMAGE@SNAPSHOT")]
        clone: Option<Parent>,
        /// Features of the image, if not those that rbd gives by itself
        #[arg(long, value_delimiter = ',', value_name = "FEATURE")]
        features: Vec<Feature>,
    },
    /// Attach it to a VM of its project
    Attach {
        id: ResourceId,
        #[arg(long, value_name = "ID")]
        vm: ResourceId,
        #[command(flatten)]
        follow: Follow,
    },
    /// Detach it from its VM; its data stays
    Detach {
        id: ResourceId,
        #[command(flatten)]
        follow: Follow,
    },
    #[command(flatten)]
    Any(Any),
}

pub async fn run(session: &Session, command: Ceph) -> anyhow::Result<()> {
    match command {
        Ceph::Create { new, gb, pool, clone, features } => {
            let features = if features.is_empty() { ceph::usual_features() } else { features };
            let spec =
                || Ok(CephSpec { gb: given(gb, "--gb")?, pool: given(pool, "--pool")?, features, clone, vm: None });
            new.create(session, spec).await
        }
        Ceph::Attach { id, vm, follow } => {
            resource::change::<CephSpec>(session, id, &format!("{{\"vm\": {vm}}}"), follow).await
        }
        Ceph::Detach { id, follow } => resource::change::<CephSpec>(session, id, "{\"vm\": null}", follow).await,
        Ceph::Any(command) => resource::any::<CephSpec>(session, command).await,
    }
}
