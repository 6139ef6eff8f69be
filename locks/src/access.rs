//! Who may ask the lock service for what.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use errors::Fault;
use errors::locks::{TOKEN_ROLE, TOKEN_UNKNOWN};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// The bearer tokens that the service accepts.
#[derive(Clone, Debug)]
pub struct Access {
    /// May acquire, renew and release.
    pub worker: SecretString,
    /// May list, show and break.
    pub operator: SecretString,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Worker,
    Operator,
}

type Hash = [u8; 32];

/// The tokens as their hashes: what is compared tells nothing about the token, and the same time is taken whatever is
/// presented.
#[derive(Clone)]
pub(crate) struct Gate {
    worker: Hash,
    operator: Hash,
}

fn hash(token: &str) -> Hash {
    Sha256::digest(token.as_bytes()).into()
}

fn same(one: &Hash, other: &Hash) -> bool {
    one.iter().zip(other).fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
}

impl Gate {
    pub fn new(access: &Access) -> Self {
        Self { worker: hash(access.worker.expose_secret()), operator: hash(access.operator.expose_secret()) }
    }

    pub fn check(&self, headers: &HeaderMap, wanted: Role) -> Result<(), Fault> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer ")).filter(|token| !token.is_empty());
        let presented = hash(token.ok_or_else(|| Fault::new(&TOKEN_UNKNOWN))?);
        let (worker, operator) = (same(&presented, &self.worker), same(&presented, &self.operator));
        match wanted {
            Role::Worker if worker => Ok(()),
            Role::Operator if operator => Ok(()),
            _ if worker => Err(Fault::new(&TOKEN_ROLE).hole("role", "worker")),
            _ if operator => Err(Fault::new(&TOKEN_ROLE).hole("role", "operator")),
            _ => Err(Fault::new(&TOKEN_UNKNOWN)),
        }
    }
}
