//! The dispatcher: reads the API's feed and calls the verb's `dispatch`; asks the API to sweep up what was forgotten.
//!
//! Invariant: it keeps nothing. Any number of dispatchers run side by side: the feed hands out each task once, and the
//! sweep serves the one that holds its lease.

mod feed;
mod sweep;

use lifecycle::{Driver, Outbox};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a dispatcher needs.
#[derive(Clone)]
pub struct Dispatcher {
    pub client: iaas::Client,
    pub outbox: Outbox,
    pub drivers: &'static [&'static Driver],
    /// Who holds the sweep's lease, for logs.
    pub name: String,
    pub sweep_every: Duration,
}

impl Dispatcher {
    /// Until shutdown; an API or broker that is away is waited for.
    pub async fn run(self, shutdown: CancellationToken) {
        tokio::join!(feed::follow(&self, &shutdown), sweep::repeat(&self, &shutdown));
    }
}
