//! The commands that talk to a running fleet.

pub mod backup;
pub mod ceph;
pub mod drift;
pub mod errand;
pub mod events;
pub mod gpu;
pub mod hyperv;
pub mod image;
pub mod lock;
pub mod orphans;
pub mod project;
pub mod queue;
pub mod resource;
pub mod router;
pub mod server;
pub mod snapshot;
pub mod task;
pub mod token;
pub mod vm;

mod wait;

use crate::cli::Global;
use crate::out::Out;
use errors::Fault;
use iaas::tenant::Page;
use iaas::{Client, Failure};
use secrecy::SecretString;
use service::config::Config;

pub use wait::{follow, last_step};

/// What a client command has at hand.
pub struct Session {
    pub client: Client,
    pub out: Out,
}

impl Session {
    pub fn open(global: &Global, config: &Config) -> Result<Self, Fault> {
        let url = config.client.url.clone();
        let token = token_of(global, config, &url)?;
        Ok(Self { client: Client::new(&url, token), out: Out::of(global) })
    }
}

/// What all pages hold together; `page` gives the one that a cursor names, the first without one.
pub async fn every_page<T>(page: impl AsyncFn(Option<String>) -> Result<Page<T>, Failure>) -> Result<Vec<T>, Failure> {
    let mut items = Vec::new();
    let mut cursor = None;
    loop {
        let next = page(cursor).await?;
        items.extend(next.items);
        cursor = next.next;
        if cursor.is_none() {
            return Ok(items);
        }
    }
}

/// The configured token, else the one that `drover up` left in its data folder.
fn token_of(global: &Global, config: &Config, url: &str) -> Result<SecretString, Fault> {
    if let Some(token) = &config.client.token {
        return Ok(token.clone());
    }
    let missing = || Fault::new(&errors::operate::TOKEN_MISSING).hole("url", url);
    let file = global.data.join(crate::roles::up::TOKEN_FILE);
    let text = std::fs::read_to_string(&file).map_err(|error| missing().because(error))?;
    Ok(SecretString::from(text.trim().to_owned()))
}
