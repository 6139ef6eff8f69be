//! Who asks, and what they may see.

use crate::Answer;
use crate::refusal::Refusal;
use errors::{Fault, iaas as codes};
use iaas::tenant::Role;
use model::ProjectId;
use std::fmt::Display;

/// The bearer of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Zero for the process itself.
    pub token_id: i64,
    /// Stands in histories as who did it.
    pub name: String,
    pub role: Role,
    /// A tenant's project.
    pub project_id: Option<ProjectId>,
    /// A worker's hosts; `*` is every host.
    pub hosts: Vec<String>,
}

impl Who {
    /// Without a token, for what the process does itself.
    pub fn local(name: &str, role: Role) -> Self {
        Self { token_id: 0, name: name.to_owned(), role, project_id: None, hosts: vec!["*".into()] }
    }

    /// Whether a worker's token covers the host.
    pub fn covers(&self, host: &str) -> bool {
        self.hosts.iter().any(|own| own == "*" || own == host)
    }

    /// The one project that a tenant sees; none sees all.
    pub(crate) fn only(&self) -> Option<ProjectId> {
        match self.role {
            // A tenant's token always has a project; without one it sees nothing.
            Role::Tenant => Some(self.project_id.unwrap_or(ProjectId(-1))),
            Role::Operator | Role::Dispatcher | Role::Worker => None,
        }
    }

    pub(crate) fn sees(&self, project: ProjectId, what: impl Display, id: impl Display) -> Answer<()> {
        match self.only() {
            Some(own) if own != project => Err(Refusal::not_yours(what, id)),
            _ => Ok(()),
        }
    }

    pub(crate) fn serves(&self, host: &str) -> Answer<()> {
        match self.role {
            Role::Worker if !self.covers(host) => Err(Fault::new(&codes::HOST_FORBIDDEN).hole("host", host).into()),
            _ => Ok(()),
        }
    }
}
