//! The client of the lock service: the workers' side, which acquires, and the operators' side, which looks and breaks.

use crate::clock::Clock;
use crate::held::{Claim, Held};
use crate::problem::Problem;
use crate::table::whole_secs;
use crate::wire::{self, Acquire, Acquired, DEFAULT_LEASE_SECS, Lock, MAX_LEASE_SECS, Owner};
use errors::driver::LOCK_UNAVAILABLE;
use errors::{Category, Fault};
use model::lock::LockName;
use model::trace::{TRACEPARENT, traceparent};
use reqwest::{Method, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::time::Duration;
use tracing::{Instrument, Span, debug, info_span};

/// How long an answer may take, beyond the wait that was asked for.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// How often an acquire is sent when the service does not answer, and the first pause, which doubles.
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    /// Without a slash at its end.
    base: String,
    token: SecretString,
    lease: Duration,
    clock: Clock,
}

// The URL may hold credentials.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("lease", &self.lease).finish_non_exhaustive()
    }
}

impl Client {
    /// `url` is the service's base, `http://127.0.0.1:7072`; `token` is the worker's to acquire, the operator's to list,
    /// show and break.
    pub fn new(url: &str, token: SecretString) -> Self {
        // The fleet's own traffic: no proxy from the environment, no redirects.
        let mut http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true);
        if url.starts_with("http://") {
            // The system's certificates would be megabytes for nothing.
            http = http.tls_certs_only([]);
        }
        let http = http.build().unwrap_or_else(|_| reqwest::Client::new());
        let lease = Duration::from_secs(DEFAULT_LEASE_SECS);
        Self { http, base: url.trim_end_matches('/').to_owned(), token, lease, clock: Clock::default() }
    }

    /// Whole seconds, 1 to 300.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = Duration::from_secs(whole_secs(lease).clamp(1, MAX_LEASE_SECS));
        self
    }

    /// Reckons leases and renewals by another clock.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Takes all of `names`, in the global order whatever their order here, or none. Renewed in the background until
    /// released. Dropping the future leaves the line. `wait` is rounded up to whole seconds.
    ///
    /// Errors: [`errors::locks::LOCK_TIMEOUT`] naming the holder; [`LOCK_UNAVAILABLE`] when the service does not answer.
    pub async fn acquire(&self, names: &[LockName], owner: Owner, wait: Duration) -> Result<Held, Fault> {
        let asked = names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let mut claim = Claim::new(self.clone(), owner);
        let span = info_span!("lock wait", locks = asked);
        match self.acquired(&claim, names, wait).instrument(span).await {
            Ok((acquired, since)) => Ok(Held::new(claim, acquired, since)),
            Err(fault) => {
                if fault.entry.category != Category::Unavailable {
                    // The service has refused, so there is nothing to give back.
                    claim.settle();
                }
                Err(fault)
            }
        }
    }

    /// The answer, and the moment from which the lease counts.
    async fn acquired(&self, claim: &Claim, names: &[LockName], wait: Duration) -> Result<(Acquired, Duration), Fault> {
        let ends = self.clock.now() + wait;
        let mut pause = FIRST_PAUSE;
        for tries_left in (0..TRIES).rev() {
            let sent = self.clock.now();
            let left = ends.saturating_sub(sent);
            let said = Acquire {
                names: names.iter().map(ToString::to_string).collect(),
                owner: claim.owner(),
                request: claim.request.clone(),
                lease_secs: self.lease.as_secs(),
                wait_secs: whole_secs(left),
            };
            match self.post::<_, Acquired>("acquire", &said, left + ANSWER_LIMIT).await {
                Ok(acquired) => {
                    let since = sent + Duration::from_millis(acquired.waited_ms);
                    return Ok((acquired, since));
                }
                Err(fault) if tries_left == 0 || fault.entry.category != Category::Unavailable => return Err(fault),
                Err(fault) => debug!(reason = fault.chain(), "the lock service is asked again"),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(unavailable("it was not asked"))
    }

    /// Every lock that is held, in the global order of names.
    pub async fn list(&self) -> Result<Vec<Lock>, Fault> {
        let locks: wire::Locks = self.send(Method::GET, self.url("/v1/locks")?, None::<&()>, ANSWER_LIMIT).await?;
        Ok(locks.locks)
    }

    /// Errors: [`errors::locks::LOCK_UNKNOWN`] when nobody holds it.
    pub async fn show(&self, name: &LockName) -> Result<Lock, Fault> {
        self.send(Method::GET, self.lock_url(name, "")?, None::<&()>, ANSWER_LIMIT).await
    }

    /// Frees a lock whose holder's lease has run out.
    ///
    /// Errors: [`errors::locks::HOLDER_ALIVE`] while the lease lives; [`errors::locks::LOCK_UNKNOWN`] when it is free.
    pub async fn break_(&self, name: &LockName) -> Result<(), Fault> {
        self.send(Method::POST, self.lock_url(name, "break")?, None::<&()>, ANSWER_LIMIT).await
    }

    pub(crate) fn time(&self) -> &Clock {
        &self.clock
    }

    pub(crate) async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        what: &str,
        body: &B,
        limit: Duration,
    ) -> Result<T, Fault> {
        self.send(Method::POST, self.url(&format!("/v1/locks/{what}"))?, Some(body), limit).await
    }

    fn url(&self, path: &str) -> Result<Url, Fault> {
        // The reason without the URL: it may hold credentials.
        Url::parse(&format!("{}{path}", self.base)).map_err(|error| unavailable(format!("its URL is wrong: {error}")))
    }

    /// Each part of the name is escaped by itself.
    fn lock_url(&self, name: &LockName, then: &str) -> Result<Url, Fault> {
        let mut url = self.url("/v1/locks")?;
        let text = name.to_string();
        let then = Some(then).filter(|then| !then.is_empty());
        match url.path_segments_mut() {
            Ok(mut path) => path.extend(text.split('/').chain(then)),
            Err(()) => return Err(unavailable("its URL has no path")),
        };
        Ok(url)
    }

    async fn send<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        body: Option<&B>,
        limit: Duration,
    ) -> Result<T, Fault> {
        let mut request = self.http.request(method, url).bearer_auth(self.token.expose_secret()).timeout(limit);
        if let Some(context) = traceparent(&Span::current()) {
            request = request.header(TRACEPARENT, context);
        }
        answer(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }
}

async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, Fault> {
    let response = request.send().await.map_err(|error| unreached(&error))?;
    let status = response.status();
    let bytes = response.bytes().await.map_err(|error| unreached(&error))?;
    if !status.is_success() {
        let problem = serde_json::from_slice::<Problem>(&bytes).ok();
        let fault = problem.and_then(|problem| problem.fault());
        return Err(fault.unwrap_or_else(|| unavailable(format!("status {status} without a problem it knows"))));
    }
    let bytes: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
    serde_json::from_slice(bytes).map_err(|error| unavailable(format!("its answer makes no sense: {error}")))
}

fn unreached(error: &reqwest::Error) -> Fault {
    // The innermost cause says it best; the outer ones repeat the URL.
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let reason = if error.is_timeout() { "no answer in time".to_owned() } else { cause.to_string() };
    unavailable(reason)
}

fn unavailable(reason: impl fmt::Display) -> Fault {
    Fault::new(&LOCK_UNAVAILABLE).hole("reason", reason)
}
