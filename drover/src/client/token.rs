//! `drover token`

use super::Session;
use super::server::all;
use crate::out::{dash, pairs};
use clap::{Subcommand, ValueEnum};
use iaas::tenant::{CreateToken, Role, TokenInfo};
use model::ProjectId;

#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token; its secret is shown this once
    Create {
        /// Stands in histories as who did it
        name: String,
        #[arg(long)]
        role: TokenRole,
        /// A tenant's project
        #[arg(long, value_name = "ID", required_if_eq("role", "tenant"))]
        project: Option<ProjectId>,
        /// A worker's host, by its server's name; may be given again
        #[arg(long = "host", value_name = "NAME", required_if_eq("role", "worker"))]
        hosts: Vec<String>,
    },
    List,
    /// From now on it opens nothing
    Revoke {
        id: i64,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TokenRole {
    Tenant,
    Operator,
    Dispatcher,
    Worker,
}

impl From<TokenRole> for Role {
    fn from(role: TokenRole) -> Self {
        match role {
            TokenRole::Tenant => Self::Tenant,
            TokenRole::Operator => Self::Operator,
            TokenRole::Dispatcher => Self::Dispatcher,
            TokenRole::Worker => Self::Worker,
        }
    }
}

fn row(info: &TokenInfo) -> Vec<String> {
    let token = &info.token;
    vec![
        info.id.to_string(),
        token.name.clone(),
        format!("{:?}", token.role).to_lowercase(),
        dash(token.project_id),
        token.hosts.join(" "),
        info.revoked.to_string(),
    ]
}

pub async fn run(session: &Session, command: Token) -> anyhow::Result<()> {
    let client = &session.client;
    match command {
        Token::Create { name, role, project, hosts } => {
            let created =
                client.token_create(&CreateToken { name, role: role.into(), project_id: project, hosts }).await?;
            session.out.document(&created, |created| {
                pairs(&[
                    ("id", created.info.id.to_string()),
                    ("name", created.info.token.name.clone()),
                    ("secret", created.secret.clone()),
                ])
            })
        }
        Token::List => {
            let items: Vec<TokenInfo> = all(client, "tokens").await?;
            session.out.list(&items, &["id", "name", "role", "project", "hosts", "revoked"], row)
        }
        Token::Revoke { id } => {
            let info = client.token_revoke(id).await?;
            session.out.list(&[info], &["id", "name", "role", "project", "hosts", "revoked"], row)
        }
    }
}
