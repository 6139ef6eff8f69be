//! The client of the lock service: the workers' side, which acquires, and the operators' side, which looks and breaks.

use crate::clock::Clock;
use crate::held::{Claim, Held};
use crate::problem::Problem;
use crate::table::whole_secs;
use crate::wire::{self, Acquire, Acquired, DEFAULT_LEASE_SECS, Lock, MAX_LEASE_SECS, MAX_WAIT_SECS, Owner, Waits};
use crate::{entry::Want, server};
use errors::driver::LOCK_UNAVAILABLE;
use errors::{Category, Fault};
use model::lock::{LockName, Mode};
use model::trace::{TRACEPARENT, traceparent};
use reqwest::{Method, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tracing::{Instrument, Span, debug, info_span};

/// How long an answer may take, beyond the wait that was asked for.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// How often an acquire is sent at the least when the service does not answer; while there is time to wait it goes on. The
/// first pause doubles up to the longest.
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    /// Without a slash at their ends.
    bases: Arc<[String]>,
    /// The base that answered last.
    at: Arc<AtomicUsize>,
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
    /// `url` is the service's base, `http://127.0.0.1:7071`, or those of several processes on the same registers with
    /// commas between: while one does not answer, another is asked. `token` is the worker's to acquire, the operator's to
    /// list, show and break.
    pub fn new(url: &str, token: SecretString) -> Self {
        // The fleet's own traffic: no proxy from the environment, no redirects.
        let mut http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true);
        if !url.contains("https://") {
            // The system's certificates would be megabytes for nothing.
            http = http.tls_certs_only([]);
        }
        let http = http.build().unwrap_or_else(|_| reqwest::Client::new());
        let lease = Duration::from_secs(DEFAULT_LEASE_SECS);
        let bases = url.split(',').map(|base| base.trim().trim_end_matches('/').to_owned()).collect();
        Self { http, bases, at: Arc::default(), token, lease, clock: Clock::default() }
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

    /// Takes all of the locks, in the global order whatever their order here, or none; a bare name is taken alone, not
    /// shared. Renewed in the background until released. Dropping the future leaves the line. `wait` is rounded up to
    /// whole seconds; while it lasts, a service that is away is waited for too.
    ///
    /// Errors: [`errors::locks::LOCK_TIMEOUT`] naming a holder; [`LOCK_UNAVAILABLE`] when the service does not answer.
    pub async fn acquire<W: Clone + Into<Want>>(
        &self,
        wants: &[W],
        owner: Owner,
        wait: Duration,
    ) -> Result<Held, Fault> {
        let wants: Vec<Want> = wants.iter().cloned().map(Into::into).collect();
        let asked = wants.iter().map(|want| want.name.to_string()).collect::<Vec<_>>().join(" ");
        let mut claim = Claim::new(self.clone(), owner);
        let span = info_span!("lock wait", locks = asked);
        match self.acquired(&claim, &wants, wait).instrument(span).await {
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
    async fn acquired(&self, claim: &Claim, wants: &[Want], wait: Duration) -> Result<(Acquired, Duration), Fault> {
        let ends = self.clock.now() + wait;
        let mut pause = FIRST_PAUSE;
        let mut tries = 0;
        loop {
            let sent = self.clock.now();
            let left = ends.saturating_sub(sent);
            let names = |mode: Mode| {
                let these = wants.iter().filter(move |want| want.mode == mode);
                these.map(|want| want.name.to_string()).collect()
            };
            let said = Acquire {
                names: names(Mode::Exclusive),
                shared: names(Mode::Shared),
                owner: claim.owner(),
                request: claim.request.clone(),
                lease_secs: self.lease.as_secs(),
                wait_secs: whole_secs(left).min(MAX_WAIT_SECS),
            };
            match self.post("acquire", &said, left.min(self.lease / 2) + ANSWER_LIMIT).await {
                Ok(Asked::Acquired(acquired)) => {
                    let since = sent + Duration::from_millis(acquired.waited_ms);
                    return Ok((acquired, since));
                }
                Ok(Asked::Waits(waits)) => {
                    if self.clock.now() >= ends {
                        // The service keeps its place: it is given back, as the time for it is over here.
                        claim.give_back().await;
                        return Err(server::timeout(Some(waits), wait));
                    }
                    (tries, pause) = (0, FIRST_PAUSE);
                }
                Err(fault) if fault.entry.category != Category::Unavailable => return Err(fault),
                Err(fault) => {
                    tries += 1;
                    if tries >= TRIES && self.clock.now() + pause >= ends {
                        return Err(fault);
                    }
                    debug!(reason = fault.chain(), "the lock service is asked again");
                    tokio::time::sleep(pause).await;
                    pause = (2 * pause).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Every lock that is held, in the global order of names.
    pub async fn list(&self) -> Result<Vec<Lock>, Fault> {
        let locks: wire::Locks = self.send(Method::GET, &[], None::<&()>, ANSWER_LIMIT).await?;
        Ok(locks.locks)
    }

    /// Errors: [`errors::locks::LOCK_UNKNOWN`] when nobody holds it.
    pub async fn show(&self, name: &LockName) -> Result<Lock, Fault> {
        self.send(Method::GET, &path(name), None::<&()>, ANSWER_LIMIT).await
    }

    /// Frees a lock whose holder's lease has run out.
    ///
    /// Errors: [`errors::locks::HOLDER_ALIVE`] while the lease lives; [`errors::locks::LOCK_UNKNOWN`] when it is free.
    pub async fn break_(&self, name: &LockName) -> Result<(), Fault> {
        let mut path = path(name);
        path.push("break".to_owned());
        self.send(Method::POST, &path, None::<&()>, ANSWER_LIMIT).await
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
        self.send(Method::POST, &[what.to_owned()], Some(body), limit).await
    }

    /// Asks the process that answered last; one that does not answer is left for the next, each of them once.
    async fn send<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[String],
        body: Option<&B>,
        limit: Duration,
    ) -> Result<T, Fault> {
        let first = self.at.load(Ordering::Relaxed);
        let mut result = Err(unavailable("it has no URL"));
        for at in (0..self.bases.len()).map(|next| (first + next) % self.bases.len()) {
            result = self.send_to(&self.bases[at], method.clone(), path, body, limit).await;
            if !matches!(&result, Err(fault) if fault.entry.category == Category::Unavailable) {
                self.at.store(at, Ordering::Relaxed);
                break;
            }
        }
        result
    }

    async fn send_to<B: Serialize, T: DeserializeOwned>(
        &self,
        base: &str,
        method: Method,
        path: &[String],
        body: Option<&B>,
        limit: Duration,
    ) -> Result<T, Fault> {
        // The reason without the URL: it may hold credentials.
        let wrong = |reason: String| unavailable(format!("its URL is wrong: {reason}"));
        let mut url = Url::parse(base).map_err(|error| wrong(error.to_string()))?;
        // Each part is escaped by itself.
        url.path_segments_mut()
            .map_err(|()| wrong("it has no path".into()))?
            .pop_if_empty()
            .extend(["v1", "locks"].into_iter().chain(path.iter().map(String::as_str)));
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

/// What an acquire is answered with.
#[derive(Deserialize)]
#[serde(untagged)]
enum Asked {
    Acquired(Acquired),
    Waits(Waits),
}

fn path(name: &LockName) -> Vec<String> {
    name.to_string().split('/').map(str::to_owned).collect()
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
