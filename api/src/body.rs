//! What comes with a request: bodies, queries, conditions; each refused with a problem that names the field and never
//! repeats a value, as it may be a secret.

use crate::problem::Refused;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri, header};
use errors::Fault;
use model::Version;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use store::{Idempotency, Who};

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let invalid = |reason: String| Refused::from(Fault::new(&errors::iaas::BODY_INVALID).hole("reason", reason));
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.contains("json") {
            return Err(invalid(format!("its Content-Type is {kind:?}, wanted application/json")));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| invalid(rejection.body_text()))?;
        parse(&bytes).map(Self)
    }
}

/// Reads JSON; what serde says of names is told, what it says of values is not.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(bytes).map_err(|error| {
        let said = error.to_string();
        let about_names = ["unknown field", "missing field", "duplicate field", "unknown variant"]
            .iter()
            .any(|about| said.starts_with(about));
        let reason = if about_names && !said.starts_with("unknown variant") {
            said
        } else {
            format!("what stands at line {}, column {} is not of the wanted form", error.line(), error.column())
        };
        Fault::new(&errors::iaas::BODY_INVALID).hole("reason", reason).into()
    })
}

/// A query string; unknown parameters are refused by the types themselves.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        read.map(|Query(params)| Self(params)).map_err(|rejection| query_invalid(rejection.body_text()))
    }
}

/// The number in a path.
pub struct Id<T>(pub T);

impl<T: From64, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let read = Path::<i64>::from_request_parts(parts, state).await;
        read.map(|Path(id)| Self(T::from64(id))).map_err(|_| query_invalid("the path has no number".to_owned()))
    }
}

pub trait From64 {
    fn from64(id: i64) -> Self;
}

macro_rules! from64 {
    ($($id:path),*) => { $(impl From64 for $id { fn from64(id: i64) -> Self { $id(id) } })* };
}

from64!(
    model::ProjectId,
    model::ServerId,
    model::ImageId,
    model::ResourceId,
    model::TaskId,
    model::ErrandId,
    model::OrphanId
);

impl From64 for i64 {
    fn from64(id: i64) -> Self {
        id
    }
}

fn query_invalid(reason: String) -> Refused {
    Fault::new(&errors::iaas::QUERY_INVALID).hole("reason", reason).into()
}

/// `?dry_run=true`
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DryRun {
    #[serde(default)]
    pub dry_run: bool,
}

/// `?cursor=&limit=`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

/// The version in `If-Match`; a change without it is refused.
pub fn if_match(headers: &HeaderMap, resource: &str) -> Result<Version, Refused> {
    let value = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok());
    let value = value.ok_or_else(|| Fault::new(&errors::iaas::ETAG_REQUIRED).hole("resource", resource))?;
    let version = value.trim().trim_matches('"').parse();
    version.map_err(|_| Fault::new(&errors::iaas::ETAG_REQUIRED).hole("resource", resource).into())
}

pub fn etag(version: Version) -> String {
    format!("\"{version}\"")
}

/// The key under which this very request is answered once.
pub fn idempotency(headers: &HeaderMap, who: &Who, method: &Method, uri: &Uri, body: &[u8]) -> Option<Idempotency> {
    let key = headers.get("idempotency-key")?.to_str().ok()?.to_owned();
    let mut hash = Sha256::new();
    hash.update(format!("{method} {uri}\n"));
    hash.update(body);
    let request_hash = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Idempotency { key, token_id: who.token_id, request_hash })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse;

    #[test]
    fn a_broken_body_names_the_field_and_never_a_value() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wish {
            #[expect(dead_code, reason = "only parsed")]
            cpu: u32,
        }
        for (body, said) in [(r#"{"cpus":1}"#, "cpus"), ("{}", "cpu"), (r#"{"cpu":"canary"}"#, "column")] {
            let refused = parse::<Wish>(body.as_bytes()).unwrap_err();
            let text = format!("{refused:?}");
            assert!(text.contains(said) && !text.contains("canary"), "{text}");
            assert_eq!(refused.into_response().status(), 422);
        }
    }
}
