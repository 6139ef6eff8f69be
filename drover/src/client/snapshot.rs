//! `drover snapshot`

use super::resource::{self, Any, New, given};
use super::{Session, every_page};
use crate::cli::Follow;
use clap::Subcommand;
use iaas::tenant::{AskState, ResourceFilter};
use model::snapshot::SnapshotSpec;
use model::vm::VmSpec;
use model::{ResourceId, State};

#[derive(Debug, Subcommand)]
pub enum Snapshot {
    /// Take a snapshot of a VM
    Create {
        #[command(flatten)]
        new: New,
        #[arg(long, value_name = "ID")]
        vm: Option<ResourceId>,
        /// A scrub takes what stands on top of it too
        #[arg(long)]
        remove_subtree: bool,
    },
    /// Bring the VM back to how it was then
    Revert {
        id: ResourceId,
        #[command(flatten)]
        follow: Follow,
    },
    /// Scrub it, alone or with what stands on top of it
    Remove {
        id: ResourceId,
        /// With all that stands on top of it; without, that stands on its parent then
        #[arg(long)]
        subtree: bool,
        #[command(flatten)]
        follow: Follow,
    },
    /// What stands on what, and which the VM stands on
    Tree {
        #[arg(value_name = "VM")]
        vm: ResourceId,
    },
    #[command(flatten)]
    Any(Any),
}

pub async fn run(session: &Session, command: Snapshot) -> anyhow::Result<()> {
    match command {
        Snapshot::Create { new, vm, remove_subtree } => {
            new.create(session, || Ok(SnapshotSpec { vm: given(vm, "--vm")?, parent: None, remove_subtree })).await
        }
        Snapshot::Revert { id, follow } => {
            resource::ask::<SnapshotSpec>(session, id, State::RunningUpdate, follow).await
        }
        Snapshot::Remove { id, subtree, follow } => {
            let wanted = AskState { state: State::Scrub, remove_subtree: Some(subtree) };
            resource::ask::<SnapshotSpec>(session, id, wanted, follow).await
        }
        Snapshot::Tree { vm } => tree(session, vm).await,
        Snapshot::Any(command) => resource::any::<SnapshotSpec>(session, command).await,
    }
}

async fn tree(session: &Session, vm: ResourceId) -> anyhow::Result<()> {
    let project = session.client.read::<VmSpec>(vm).await?.project_id;
    let filter = ResourceFilter { project: Some(project), limit: Some(500), ..ResourceFilter::default() };
    let page = async |cursor| session.client.list::<SnapshotSpec>(&ResourceFilter { cursor, ..filter.clone() }).await;
    let mut snapshots = every_page(page).await?;
    snapshots.retain(|snapshot| snapshot.spec.vm == vm);
    session.out.document(&snapshots, |snapshots| {
        let lines = lines(snapshots, None, 0);
        if lines.is_empty() { format!("vm {vm} has no snapshots") } else { lines.join("\n") }
    })
}

/// Each beneath the one that it stands on.
fn lines(all: &[model::snapshot::Snapshot], on: Option<ResourceId>, depth: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for snapshot in all.iter().filter(|snapshot| snapshot.spec.parent == on) {
        let active = if snapshot.facts.get("active").is_some_and(|active| active == true) { " (active)" } else { "" };
        let at_rest = if snapshot.state == State::Running { String::new() } else { format!(", {}", snapshot.state) };
        let indent = "  ".repeat(depth);
        lines.push(format!("{indent}{} {}, {}{at_rest}{active}", snapshot.id, snapshot.name, snapshot.created_at));
        lines.extend(self::lines(all, Some(snapshot.id), depth + 1));
    }
    lines
}
