//! Who may: bearer tokens, and one table of which role may use which route. A route that is not in the table is refused
//! to everyone.

use crate::problem::Refused;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use errors::Fault;
use iaas::tenant::Role;
use store::{Store, Who};

/// One row: method and path as the router has them, what it does in words, and the roles that may.
pub struct Rule {
    pub method: &'static str,
    pub path: &'static str,
    pub action: &'static str,
    pub roles: &'static [Role],
}

const ALL: &[Role] = &[Role::Tenant, Role::Operator, Role::Dispatcher, Role::Worker];
const PEOPLE: &[Role] = &[Role::Tenant, Role::Operator];
const OPERATOR: &[Role] = &[Role::Operator];
const DISPATCHER: &[Role] = &[Role::Dispatcher];
const WORKER: &[Role] = &[Role::Worker];

const fn rule(method: &'static str, path: &'static str, action: &'static str, roles: &'static [Role]) -> Rule {
    Rule { method, path, action, roles }
}

pub const RULES: &[Rule] = &[
    rule("GET", "/v1/states", "read the state table", ALL),
    rule("GET", "/v1/errors/{code}", "read the error catalogue", ALL),
    rule("POST", "/v1/projects", "create projects", OPERATOR),
    rule("GET", "/v1/projects", "list projects", PEOPLE),
    rule("GET", "/v1/projects/{id}", "read projects", PEOPLE),
    rule("PATCH", "/v1/projects/{id}", "change projects", OPERATOR),
    rule("DELETE", "/v1/projects/{id}", "remove projects", OPERATOR),
    rule("POST", "/v1/servers", "create servers", OPERATOR),
    rule("GET", "/v1/servers", "list servers", OPERATOR),
    rule("GET", "/v1/servers/{id}", "read servers", OPERATOR),
    rule("PATCH", "/v1/servers/{id}", "change servers", OPERATOR),
    rule("DELETE", "/v1/servers/{id}", "remove servers", OPERATOR),
    rule("POST", "/v1/images", "create images", OPERATOR),
    rule("GET", "/v1/images", "list images", PEOPLE),
    rule("GET", "/v1/images/{id}", "read images", PEOPLE),
    rule("PATCH", "/v1/images/{id}", "change images", OPERATOR),
    rule("DELETE", "/v1/images/{id}", "remove images", OPERATOR),
    rule("POST", "/v1/vms", "create VMs", PEOPLE),
    rule("GET", "/v1/vms", "list VMs", PEOPLE),
    rule("GET", "/v1/vms/{id}", "read VMs", PEOPLE),
    rule("PATCH", "/v1/vms/{id}", "change VMs", PEOPLE),
    rule("POST", "/v1/vms/{id}/state", "ask for states of VMs", PEOPLE),
    rule("GET", "/v1/vms/{id}/history", "read histories", PEOPLE),
    rule("POST", "/v1/virtual_routers", "create virtual routers", PEOPLE),
    rule("GET", "/v1/virtual_routers", "list virtual routers", PEOPLE),
    rule("GET", "/v1/virtual_routers/{id}", "read virtual routers", PEOPLE),
    rule("PATCH", "/v1/virtual_routers/{id}", "change virtual routers", PEOPLE),
    rule("POST", "/v1/virtual_routers/{id}/state", "ask for states of virtual routers", PEOPLE),
    rule("GET", "/v1/virtual_routers/{id}/history", "read histories", PEOPLE),
    rule("POST", "/v1/snapshots", "create snapshots", PEOPLE),
    rule("GET", "/v1/snapshots", "list snapshots", PEOPLE),
    rule("GET", "/v1/snapshots/{id}", "read snapshots", PEOPLE),
    rule("PATCH", "/v1/snapshots/{id}", "change snapshots", PEOPLE),
    rule("POST", "/v1/snapshots/{id}/state", "ask for states of snapshots", PEOPLE),
    rule("GET", "/v1/snapshots/{id}/history", "read histories", PEOPLE),
    rule("POST", "/v1/backups", "create backups", PEOPLE),
    rule("GET", "/v1/backups", "list backups", PEOPLE),
    rule("GET", "/v1/backups/{id}", "read backups", PEOPLE),
    rule("PATCH", "/v1/backups/{id}", "change backups", PEOPLE),
    rule("POST", "/v1/backups/{id}/state", "ask for states of backups", PEOPLE),
    rule("GET", "/v1/backups/{id}/history", "read histories", PEOPLE),
    rule("POST", "/v1/ceph", "create volumes", PEOPLE),
    rule("GET", "/v1/ceph", "list volumes", PEOPLE),
    rule("GET", "/v1/ceph/{id}", "read volumes", PEOPLE),
    rule("PATCH", "/v1/ceph/{id}", "change volumes", PEOPLE),
    rule("POST", "/v1/ceph/{id}/state", "ask for states of volumes", PEOPLE),
    rule("GET", "/v1/ceph/{id}/history", "read histories", PEOPLE),
    rule("POST", "/v1/gpus", "create gpus", PEOPLE),
    rule("GET", "/v1/gpus", "list gpus", PEOPLE),
    rule("GET", "/v1/gpus/{id}", "read gpus", PEOPLE),
    rule("PATCH", "/v1/gpus/{id}", "change gpus", PEOPLE),
    rule("DELETE", "/v1/gpus/{id}", "remove gpus", PEOPLE),
    rule("POST", "/v1/gpus/{id}/state", "ask for states of gpus", PEOPLE),
    rule("GET", "/v1/gpus/{id}/history", "read histories", PEOPLE),
    rule("GET", "/v1/drift", "list drift", PEOPLE),
    rule("POST", "/v1/drift/{id}", "look at drift, repair or adopt it", PEOPLE),
    rule("GET", "/v1/tasks", "list tasks", PEOPLE),
    rule("GET", "/v1/tasks/{id}", "read tasks", PEOPLE),
    rule("POST", "/v1/tasks/{id}/cancel", "cancel tasks", PEOPLE),
    rule("POST", "/v1/tasks/{id}/retry", "retry tasks", PEOPLE),
    rule("POST", "/v1/errands", "ask for errands", OPERATOR),
    rule("GET", "/v1/errands", "list errands", OPERATOR),
    rule("GET", "/v1/errands/{id}", "read errands", OPERATOR),
    rule("GET", "/v1/orphans", "list orphans", OPERATOR),
    rule("GET", "/v1/orphans/{id}", "read orphans", OPERATOR),
    rule("GET", "/v1/events", "follow events", PEOPLE),
    rule("POST", "/v1/tokens", "create tokens", OPERATOR),
    rule("GET", "/v1/tokens", "list tokens", OPERATOR),
    rule("POST", "/v1/tokens/{id}/revoke", "revoke tokens", OPERATOR),
    rule("POST", "/v1/fleet/feed", "take from the feed", DISPATCHER),
    rule("POST", "/v1/fleet/sweep", "sweep", DISPATCHER),
    rule("GET", "/v1/fleet/tasks/{id}", "read assignments", WORKER),
    rule("POST", "/v1/fleet/tasks/{id}/claim", "claim tasks", WORKER),
    rule("POST", "/v1/fleet/tasks/{id}/steps", "report steps", WORKER),
    rule("POST", "/v1/fleet/tasks/{id}/wait", "put tasks back", WORKER),
    rule("POST", "/v1/fleet/tasks/{id}/release", "hand tasks over", WORKER),
    rule("POST", "/v1/fleet/tasks/{id}/settle", "settle tasks", WORKER),
    rule("POST", "/v1/fleet/errands/take", "take errands", WORKER),
    rule("POST", "/v1/fleet/errands/{id}/renew", "renew errands", WORKER),
    rule("POST", "/v1/fleet/errands/{id}/settle", "settle errands", WORKER),
    rule("GET", "/v1/fleet/servers", "list its hosts", WORKER),
    rule("POST", "/v1/fleet/servers/{host}/report", "report its hosts", WORKER),
];

/// Lets a request through when its token's role may use its route; the route finds [`Caller`].
pub async fn check(State(store): State<Store>, mut request: Request, next: Next) -> Response {
    let secret = bearer(request.headers()).map(str::to_owned);
    let path = request.extensions().get::<MatchedPath>().cloned();
    let path = path.as_ref().map_or("", MatchedPath::as_str);
    match caller(&store, secret, request.method().as_str().to_owned(), path).await {
        Ok(who) => {
            request.extensions_mut().insert(Caller(who));
            next.run(request).await
        }
        Err(refused) => refused.into_response(),
    }
}

async fn caller(store: &Store, secret: Option<String>, method: String, path: &str) -> Result<Who, Refused> {
    let unknown = || Fault::new(&errors::iaas::TOKEN_INVALID);
    let who = store.authenticate(&secret.ok_or_else(unknown)?).await?.ok_or_else(unknown)?;
    let rule = RULES.iter().find(|rule| rule.method == method && rule.path == path);
    match rule {
        Some(rule) if rule.roles.contains(&who.role) => Ok(who),
        rule => {
            let roles = rule.map_or(&[][..], |rule| rule.roles);
            let allowed: Vec<_> = roles.iter().map(|role| word(*role)).collect();
            let fault = Fault::new(&errors::iaas::ROLE_FORBIDDEN)
                .hole("role", word(who.role))
                .hole("action", rule.map_or("use this route", |rule| rule.action))
                .hole("allowed", allowed.join(", "));
            Err(fault.into())
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

fn word(role: Role) -> &'static str {
    match role {
        Role::Tenant => "tenant",
        Role::Operator => "operator",
        Role::Dispatcher => "dispatcher",
        Role::Worker => "worker",
    }
}

/// Who asks.
#[derive(Clone)]
pub struct Caller(pub Who);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refused> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Fault::new(&errors::iaas::TOKEN_INVALID).into())
    }
}
