//! One request: the token, the trace context, the retries, and what an answer means.

use crate::problem::{Failure, Problem};
use model::trace::{TRACEPARENT, traceparent};
use reqwest::{Method, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tracing::Span;

/// How often a read is tried when the API does not answer, and the first pause, which doubles.
const READ_TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// How long one answer may take, beyond what the call itself asks the API to wait.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    base: String,
    token: SecretString,
}

/// A request that is being put together.
pub(crate) struct Call<'a, B> {
    pub method: Method,
    pub path: String,
    pub body: Option<&'a B>,
    pub headers: Vec<(&'static str, String)>,
    /// How long the API itself was asked to wait.
    pub wait: Duration,
}

impl<'a> Call<'a, ()> {
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None, headers: Vec::new(), wait: Duration::ZERO }
    }
}

impl<'a, B: Serialize> Call<'a, B> {
    pub fn post(path: impl Into<String>, body: &'a B) -> Self {
        Self { method: Method::POST, path: path.into(), body: Some(body), headers: Vec::new(), wait: Duration::ZERO }
    }

    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }
}

impl Http {
    pub fn new(base: &str, token: SecretString) -> Self {
        // The fleet's own traffic: no proxy from the environment, no redirects.
        let mut client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true);
        if base.starts_with("http://") {
            // The system's certificates would be megabytes for nothing.
            client = client.tls_certs_only([]);
        }
        let client = client.build().unwrap_or_else(|_| reqwest::Client::new());
        Self { client, base: base.trim_end_matches('/').to_owned(), token }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends it and reads the answer. Only reads are tried again here: a change is tried again by who knows whether it
    /// may be.
    pub async fn send<B: Serialize, T: DeserializeOwned>(&self, call: Call<'_, B>) -> Result<T, Failure> {
        let response = self.response(&call).await?;
        let bytes = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        let bytes: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        serde_json::from_slice(bytes).map_err(|error| Failure::Nonsense {
            what: format!("{} {}", call.method, call.path),
            reason: error.to_string(),
        })
    }

    /// The answer itself, for streams; a problem is already a failure.
    pub async fn response<B: Serialize>(&self, call: &Call<'_, B>) -> Result<Response, Failure> {
        let mut pause = FIRST_PAUSE;
        let mut tries = if call.method == Method::GET { READ_TRIES } else { 1 };
        loop {
            tries -= 1;
            match self.once(call).await {
                Err(failure) if tries > 0 && failure.is_passing() => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                result => return result,
            }
        }
    }

    async fn once<B: Serialize>(&self, call: &Call<'_, B>) -> Result<Response, Failure> {
        let mut request = self
            .client
            .request(call.method.clone(), format!("{}{}", self.base, call.path))
            .bearer_auth(self.token.expose_secret());
        if let Some(context) = traceparent(&Span::current()) {
            request = request.header(TRACEPARENT, context);
        }
        if !call.path.starts_with("/v1/events") {
            request = request.timeout(ANSWER_LIMIT + call.wait);
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = call.body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let bytes = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Err(Failure::Problem(Box::new(problem))),
            Err(_) if matches!(status.as_u16(), 502..=504) => {
                Err(Failure::Unreachable { url: self.base.clone(), reason: format!("a proxy answered {status}") })
            }
            Err(_) => Err(Failure::Nonsense {
                what: format!("{} {}", call.method, call.path),
                reason: format!("status {status} without a problem document"),
            }),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        // The innermost cause says it best; the outer ones repeat the URL.
        let mut cause: &dyn std::error::Error = error;
        while let Some(next) = cause.source() {
            cause = next;
        }
        Failure::Unreachable { url: self.base.clone(), reason: cause.to_string() }
    }
}
