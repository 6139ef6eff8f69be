//! Tokens: only the hash of a secret is kept.

use crate::page::{list, read};
use crate::record::{Clash, Line, Reader, Record, Table};
use crate::refusal::{Answer, Refusal};
use crate::unit::{Unit, select};
use crate::{Store, Who};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use iaas::tenant::{CreateToken, CreatedToken, Page, Role, TokenInfo};
use model::ProjectId;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Clone)]
struct TokenRow {
    info: TokenInfo,
    hash: String,
}

/// What was found for a hash, for a moment.
#[derive(Default)]
pub(crate) struct Cache {
    found: Mutex<HashMap<String, (Instant, Option<Who>)>>,
}

/// Answers that are remembered; more than any fleet has tokens.
const HELD: usize = 10_000;

impl Store {
    /// Makes the secret, `drv_` and 43 characters; it is shown this once. Refused with `SPEC_INVALID`, `NOT_FOUND`.
    pub async fn token_create(&self, wish: CreateToken) -> Answer<CreatedToken> {
        let secret = format!("drv_{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
        let info = self.token_keep(wish, &secret).await?;
        Ok(CreatedToken { info, secret })
    }

    /// Keeps a secret that the caller has made; the same secret again is the same token, as it was made first.
    pub async fn token_keep(&self, wish: CreateToken, secret: &str) -> Answer<TokenInfo> {
        check(&wish)?;
        let hash = hash(secret);
        let info = self.write(move |unit| Box::pin(async move { unit.token_keep(wish, hash).await })).await?;
        self.inner.tokens.clear();
        Ok(info)
    }

    pub async fn token_list(&self, cursor: Option<&str>, limit: Option<u32>) -> Answer<Page<TokenInfo>> {
        let page = list(self.pool(), cursor, limit, |row: &TokenRow| row.info.id).await?;
        Ok(Page { items: page.items.into_iter().map(|row| row.info).collect(), next: page.next })
    }

    /// From now on it is refused: at once by this process, by others when they ask the database again.
    pub async fn token_revoke(&self, id: i64) -> Answer<TokenInfo> {
        self.write(move |unit| {
            Box::pin(async move {
                let mut line = Line::default();
                line.int(id);
                match unit.execute("UPDATE tokens SET revoked = 1 WHERE id = $1", line).await? {
                    0 => Err(Refusal::not_found("token", id)),
                    _ => Ok(()),
                }
            })
        })
        .await?;
        self.inner.tokens.clear();
        let row: Option<TokenRow> = read(self.pool(), id).await?;
        row.map(|row| row.info).ok_or_else(|| Refusal::not_found("token", id))
    }

    /// Whose secret it is; none when it is not known or revoked.
    pub async fn authenticate(&self, secret: &str) -> Answer<Option<Who>> {
        let hash = hash(secret);
        let fresh = Duration::from_millis(self.inner.limits.token_cache_millis);
        if let Some(who) = self.inner.tokens.get(&hash, fresh) {
            return Ok(who);
        }
        let asked_at = Instant::now();
        let mut line = Line::default();
        line.text(&hash);
        let row = select::<TokenRow>(self.pool(), "WHERE t.hash = $1 AND t.revoked = 0", line).await?.pop();
        let who = row.map(|row| {
            let CreateToken { name, role, project_id, hosts } = row.info.token;
            Who { token_id: row.info.id, name, role, project_id, hosts }
        });
        self.inner.tokens.put(hash, asked_at, who.clone());
        Ok(who)
    }
}

impl Unit {
    async fn token_keep(&mut self, wish: CreateToken, hash: String) -> Answer<TokenInfo> {
        self.flush().await?;
        let mut line = Line::default();
        line.text(&hash);
        if let Some(known) = self.select::<TokenRow>("WHERE t.hash = $1", line).await?.pop() {
            return Ok(known.info);
        }
        if let Some(project) = wish.project_id {
            self.project(project).await?.ok_or_else(|| Refusal::not_found("project", project))?;
        }
        self.counters.token += 1;
        let info = TokenInfo { id: self.counters.token, token: wish, revoked: false, created_at: self.now };
        self.store(&[TokenRow { info: info.clone(), hash }]).await?;
        Ok(info)
    }
}

fn check(wish: &CreateToken) -> Answer<()> {
    if wish.name.trim().is_empty() || wish.name.len() > 200 || wish.name.chars().any(char::is_control) {
        return Err(Refusal::spec("name is 1 to 200 characters, none of them a control character"));
    }
    match wish.role {
        Role::Tenant if wish.project_id.is_none() => Err(Refusal::spec("a tenant's token needs project_id")),
        Role::Worker if wish.hosts.is_empty() => Err(Refusal::spec("a worker's token needs hosts")),
        Role::Operator | Role::Dispatcher | Role::Worker if wish.project_id.is_some() => {
            Err(Refusal::spec("only a tenant's token has a project_id"))
        }
        Role::Tenant | Role::Operator | Role::Dispatcher | Role::Worker => Ok(()),
    }
}

fn hash(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Cache {
    fn get(&self, hash: &str, fresh: Duration) -> Option<Option<Who>> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.get(hash).filter(|(at, _)| at.elapsed() < fresh).map(|(_, who)| who.clone())
    }

    fn put(&self, hash: String, at: Instant, who: Option<Who>) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= HELD {
            found.clear();
        }
        found.insert(hash, (at, who));
    }

    fn clear(&self) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Record for TokenRow {
    const TABLE: Table = Table {
        name: "tokens",
        keys: 1,
        columns: &["id", "hash", "name", "role", "project_id", "hosts", "revoked", "created_at"],
        clash: Clash::Never,
    };

    fn write(&self, line: &mut Line) {
        let TokenInfo { id, token, revoked, created_at } = &self.info;
        line.int(*id);
        line.text(&self.hash);
        line.text(&token.name);
        line.json(&token.role);
        line.maybe_int(token.project_id.map(|id| id.0));
        line.json(&token.hosts);
        line.int(*revoked);
        line.moment(*created_at);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Refusal> {
        let (id, hash) = (from.int()?, from.text()?);
        let token = CreateToken {
            name: from.text()?,
            role: from.json()?,
            project_id: from.maybe_int()?.map(ProjectId),
            hosts: from.json()?,
        };
        Ok(Self { info: TokenInfo { id, token, revoked: from.flag()?, created_at: from.moment()? }, hash })
    }
}
