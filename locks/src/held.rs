//! Locks that this process holds: renewed in the background, given back on release or drop.

use crate::client::Client;
use crate::wire::{Acquired, Grant, Hold, Owner, Release, Renew, Renewed};
use errors::{Category, Fault};
use model::Fence;
use model::lock::LockName;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{Span, debug, info_span, warn};
use uuid::Uuid;

/// How long giving back may take; after that the lease does it.
const RELEASE_LIMIT: Duration = Duration::from_secs(5);

/// A request that the service may know: given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    client: Client,
    owner: Arc<Mutex<Owner>>,
    pub request: String,
    settled: bool,
}

impl Claim {
    pub fn new(client: Client, owner: Owner) -> Self {
        let request = Uuid::now_v7().to_string();
        Self { client, owner: Arc::new(Mutex::new(owner)), request, settled: false }
    }

    pub fn owner(&self) -> Owner {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// There is nothing left to give back.
    pub fn settle(&mut self) {
        self.settled = true;
    }

    pub fn give_back(&self) -> impl Future<Output = ()> + Send + 'static {
        let client = self.client.clone();
        let said = Release { owner: self.owner(), request: self.request.clone() };
        async move {
            if let Err(fault) = client.post::<_, ()>("release", &said, RELEASE_LIMIT).await {
                debug!(reason = fault.chain(), "locks were not given back; their lease ends them");
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.settled
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(self.give_back());
        }
    }
}

/// What operators see beside a lock that is held.
#[derive(Clone, Debug)]
pub struct Sign(Arc<Mutex<Owner>>);

impl Sign {
    /// The step that its holder is at; seen from the next renewal on.
    pub fn at_step(&self, step: &str) {
        step.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).step);
    }
}

/// Locks that are held. Dropped, they are given back in the background, as far as there is still time for it.
#[derive(Debug)]
pub struct Held {
    claim: Claim,
    grants: Vec<Grant>,
    lost: CancellationToken,
    renewal: JoinHandle<()>,
    /// Open as long as the locks are held.
    _span: Span,
}

impl Held {
    pub(crate) fn new(claim: Claim, acquired: Acquired, since: Duration) -> Self {
        let grants = acquired.grants;
        let names = grants.iter().map(|grant| grant.name.to_string()).collect::<Vec<_>>().join(" ");
        let span = info_span!("lock hold", locks = names);
        let lost = CancellationToken::new();
        let renewal = Renewal {
            client: claim.client.clone(),
            owner: claim.owner.clone(),
            request: claim.request.clone(),
            grants: grants.iter().map(|grant| Hold { name: grant.name.clone(), fence: grant.fence }).collect(),
            lease: Duration::from_secs(grants.iter().map(|grant| grant.lease_secs).min().unwrap_or_default()),
        };
        let renewal = tokio::spawn(renewal.run(since, lost.clone()));
        Self { claim, grants, lost, renewal, _span: span }
    }

    /// Cancelled at once when a renewal is refused, or when the lease has run out by this process's own clock. From then
    /// on somebody else may hold the locks. Not cancelled by a release.
    pub fn lost(&self) -> CancellationToken {
        self.lost.clone()
    }

    /// The fence that a lock was granted with; none for a lock that was not asked for.
    pub fn fence(&self, name: &LockName) -> Option<Fence> {
        self.grants.iter().find(|grant| grant.name == *name).map(|grant| grant.fence)
    }

    pub fn sign(&self) -> Sign {
        Sign(self.claim.owner.clone())
    }

    /// Gives the locks back; done when the service has them, or when it did not answer within a few seconds, in which
    /// case the lease ends them.
    pub async fn release(mut self) {
        self.renewal.abort();
        let given_back = self.claim.give_back();
        given_back.await;
        self.claim.settle();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

struct Renewal {
    client: Client,
    owner: Arc<Mutex<Owner>>,
    request: String,
    grants: Vec<Hold>,
    lease: Duration,
}

impl Renewal {
    /// Renews a third into the lease. `since` is when the service started the lease at the earliest: counted from there,
    /// the lease ends here before it ends there.
    async fn run(self, since: Duration, lost: CancellationToken) {
        let clock = self.client.time().clone();
        let mut ends = since + self.lease;
        let mut next = since + self.lease / 3;
        loop {
            clock.wait_until(next.min(ends)).await;
            let sent = clock.now();
            if sent >= ends {
                warn!("locks were lost: their lease ran out before it could be renewed");
                return lost.cancel();
            }
            let answer = tokio::select! {
                answer = self.renew() => answer,
                () = clock.wait_until(ends) => continue,
            };
            match answer {
                Ok(_) => {
                    ends = sent + self.lease;
                    next = sent + self.lease / 3;
                }
                Err(fault) if fault.entry.category == Category::Unavailable => {
                    debug!(reason = fault.chain(), "locks were not renewed; it is tried again");
                    next = clock.now() + self.lease / 10;
                }
                Err(fault) => {
                    warn!(reason = fault.chain(), "locks were lost");
                    return lost.cancel();
                }
            }
        }
    }

    async fn renew(&self) -> Result<Renewed, Fault> {
        let owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let said = Renew { owner, request: self.request.clone(), grants: self.grants.clone() };
        self.client.post("renew", &said, self.lease / 3).await
    }
}
