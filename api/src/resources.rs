//! `/v1/vms`, `/v1/virtual_routers`, ...: the same six routes for each type of resource.

use store::Store;
use utoipa_axum::router::OpenApiRouter;

/// The routes of one type; the description wants each path, name and text as a literal.
macro_rules! routes_of {
    ($module:ident, $spec:path, $tag:literal, $title:literal, $all:literal, $one:literal, $state:literal, $history:literal) => {
        mod $module {
            use crate::auth::Caller;
            use crate::body::{Body, DryRun, Id, Params};
            use crate::problem::Answer;
            use crate::resource::{self, Request};
            use axum::Json;
            use axum::body::Bytes;
            use axum::extract::State;
            use axum::http::{HeaderMap, Method, Uri};
            use axum::response::Response;
            use iaas::Problem;
            use iaas::tenant::{Accepted, AskState, Change, Create, Page, ResourceFilter};
            use model::ResourceId;
            use model::history::HistoryRecord;
            use model::resource::Resource;
            use $spec as Wish;
            use store::Store;
            use utoipa_axum::router::OpenApiRouter;
            use utoipa_axum::routes;

            pub fn routes() -> OpenApiRouter<Store> {
                OpenApiRouter::new()
                    .routes(routes!(create, list))
                    .routes(routes!(read, change))
                    .routes(routes!(ask))
                    .routes(routes!(history))
            }

            #[doc = concat!("Build a ", $title, "; `Idempotency-Key` makes a repeated request answer as the first did")]
            #[utoipa::path(post, path = $all, operation_id = concat!($tag, "_create"), tag = $tag, request_body = Create<Wish>,
                params(("dry_run" = Option<bool>, Query, description = "only say where it would stand")),
                responses((status = 202, body = Accepted<Wish>), (status = "default", body = Problem)))]
            async fn create(
                State(store): State<Store>,
                caller: Caller,
                Params(dry): Params<DryRun>,
                method: Method,
                uri: Uri,
                headers: HeaderMap,
                body: Bytes,
            ) -> Answer<Response> {
                resource::create::<Wish>(store, caller, dry, Request { headers, method, uri, body }).await
            }

            #[doc = concat!("List each ", $title, ", filtered, a page at a time")]
            #[utoipa::path(get, path = $all, operation_id = concat!($tag, "_list"), tag = $tag,
                params(("project" = Option<i64>, Query), ("state" = Option<String>, Query), ("host" = Option<String>, Query), ("name" = Option<String>, Query),
                    ("closed" = Option<bool>, Query), ("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query)),
                responses((status = 200, body = Page<Resource<Wish>>), (status = "default", body = Problem)))]
            async fn list(
                store: State<Store>,
                caller: Caller,
                filter: Params<ResourceFilter>,
            ) -> Answer<Json<Page<Resource<Wish>>>> {
                resource::list(store, caller, filter).await
            }

            #[doc = concat!("Read a ", $title, "; the ETag is its version")]
            #[utoipa::path(get, path = $one, operation_id = concat!($tag, "_read"), tag = $tag, params(("id" = i64, Path)),
                responses((status = 200, body = Resource<Wish>), (status = "default", body = Problem)))]
            async fn read(store: State<Store>, caller: Caller, id: Id<ResourceId>) -> Answer<Response> {
                resource::read::<Wish>(store, caller, id).await
            }

            #[doc = concat!("Change the wish of a ", $title, " by a merge patch; `If-Match` is required")]
            #[utoipa::path(patch, path = $one, operation_id = concat!($tag, "_change"), tag = $tag, request_body = Change,
                params(("id" = i64, Path), ("If-Match" = String, Header), ("dry_run" = Option<bool>, Query, description = "plan only, as a task")),
                responses((status = 202, body = Accepted<Wish>), (status = "default", body = Problem)))]
            async fn change(
                State(store): State<Store>,
                caller: Caller,
                Id(id): Id<ResourceId>,
                Params(dry): Params<DryRun>,
                headers: HeaderMap,
                Body(change): Body<Change>,
            ) -> Answer<Response> {
                resource::change::<Wish>(store, caller, id, dry, &headers, change).await
            }

            #[doc = concat!("Ask for a state of a ", $title, "; a refusal names the current state and the allowed ones")]
            #[utoipa::path(post, path = $state, operation_id = concat!($tag, "_ask"), tag = $tag, request_body = AskState,
                params(("id" = i64, Path), ("dry_run" = Option<bool>, Query, description = "plan only, as a task")),
                responses((status = 202, body = Accepted<Wish>), (status = "default", body = Problem)))]
            async fn ask(
                store: State<Store>,
                caller: Caller,
                id: Id<ResourceId>,
                dry: Params<DryRun>,
                body: Body<AskState>,
            ) -> Answer<Response> {
                resource::ask::<Wish>(store, caller, id, dry, body).await
            }

            #[doc = concat!("What happened to a ", $title)]
            #[utoipa::path(get, path = $history, operation_id = concat!($tag, "_history"), tag = $tag, params(("id" = i64, Path)),
                responses((status = 200, body = Page<HistoryRecord>), (status = "default", body = Problem)))]
            async fn history(
                store: State<Store>,
                caller: Caller,
                id: Id<ResourceId>,
            ) -> Answer<Json<Page<HistoryRecord>>> {
                resource::history::<Wish>(store, caller, id).await
            }
        }
    };
}

routes_of!(
    vms,
    model::vm::VmSpec,
    "vms",
    "VM",
    "/v1/vms",
    "/v1/vms/{id}",
    "/v1/vms/{id}/state",
    "/v1/vms/{id}/history"
);

routes_of!(
    virtual_routers,
    model::virtual_router::VirtualRouterSpec,
    "virtual_routers",
    "virtual router",
    "/v1/virtual_routers",
    "/v1/virtual_routers/{id}",
    "/v1/virtual_routers/{id}/state",
    "/v1/virtual_routers/{id}/history"
);

routes_of!(
    snapshots,
    model::snapshot::SnapshotSpec,
    "snapshots",
    "snapshot",
    "/v1/snapshots",
    "/v1/snapshots/{id}",
    "/v1/snapshots/{id}/state",
    "/v1/snapshots/{id}/history"
);

routes_of!(
    backups,
    model::backup::BackupSpec,
    "backups",
    "backup",
    "/v1/backups",
    "/v1/backups/{id}",
    "/v1/backups/{id}/state",
    "/v1/backups/{id}/history"
);

routes_of!(
    ceph,
    model::ceph::CephSpec,
    "ceph",
    "volume",
    "/v1/ceph",
    "/v1/ceph/{id}",
    "/v1/ceph/{id}/state",
    "/v1/ceph/{id}/history"
);

routes_of!(
    gpus,
    model::gpu::GpuSpec,
    "gpus",
    "gpu",
    "/v1/gpus",
    "/v1/gpus/{id}",
    "/v1/gpus/{id}/state",
    "/v1/gpus/{id}/history"
);

pub fn routes() -> OpenApiRouter<Store> {
    let types = [
        vms::routes(),
        virtual_routers::routes(),
        snapshots::routes(),
        backups::routes(),
        ceph::routes(),
        gpus::routes(),
    ];
    types.into_iter().fold(OpenApiRouter::new(), OpenApiRouter::merge)
}
